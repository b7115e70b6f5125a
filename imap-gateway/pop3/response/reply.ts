/** Status lines (RFC 1939 §3; response codes: RFC 2449 §8). */

/** `code` stands without brackets: `IN-USE`. */
export interface Reply {
  readonly ok: boolean;
  readonly code?: string;
  readonly text: string;
  /** The command has written all of its answer itself. */
  readonly written?: true;
  /** The client sent nonsense; who sends nothing else is turned away. */
  readonly nonsense?: true;
  /** What the driver does once the answer is written. */
  readonly followedBy?: 'close' | 'start-tls';
}

export const ok = (text: string): Reply => ({ ok: true, text });

export const err = (text: string, code?: string): Reply =>
  code === undefined ? { ok: false, text } : { ok: false, code, text };

/** What a command answers that has written its lines. */
export const WRITTEN: Reply = { ok: true, text: '', written: true };

/** Octets of a status line, CRLF included (RFC 1939 §3). */
const STATUS_LIMIT = 512;

export function formatReply({ ok: good, code, text }: Reply): string {
  const head = `${good ? '+OK' : '-ERR'}${code === undefined ? '' : ` [${code}]`}`;
  // RFC 1939 §3: one line of US-ASCII, though a text may quote what a client sent.
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return `${`${head}${plain === '' ? '' : ` ${plain}`}`.slice(0, STATUS_LIMIT - 2)}\r\n`;
}
