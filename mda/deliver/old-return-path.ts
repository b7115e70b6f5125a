/**
 * RFC 5321 §4.4: a message that was delivered somewhere before may carry a Return-Path, and one that was made up may claim anything. Final delivery takes
 * them out, so that the one on top is the only one.
 */
import { splitFields } from '#mail/header/fields.ts';

/** Octets in which the header's end is waited for; our MTA takes no longer one. Behind them a header is no header to anybody. */
const LIMIT = 393_216;
const NOTHING = Buffer.alloc(0);

export class OldReturnPath {
  /** `undefined` once the header has passed. */
  #head: Buffer | undefined = NOTHING;

  /** What may go on now; empty while the header is held back. Usually the chunk itself. */
  push(chunk: Buffer): Buffer {
    const held = this.#head;
    if (held === undefined) return chunk;
    const head = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const end = headerEnd(head, held.length);
    if (end < 0 && head.length < LIMIT) {
      this.#head = head;
      return NOTHING;
    }
    this.#head = undefined;
    return without(head, end < 0 ? head.length : end);
  }

  /** The message is over: what is still held back. */
  finish(): Buffer {
    const head = this.#head ?? NOTHING;
    this.#head = undefined;
    return without(head, head.length);
  }
}

/** Where the empty line begins, looked for only where it wasn't before; negative when it isn't there. */
function headerEnd(head: Buffer, searched: number): number {
  if (head[0] === 13 && head[1] === 10) return 0;
  const at = head.indexOf('\r\n\r\n', Math.max(0, searched - 3));
  return at < 0 ? at : at + 2;
}

function without(octets: Buffer, headerLength: number): Buffer {
  const header = octets.toString('latin1', 0, headerLength);
  // Most mail has none; then nothing is split.
  if (!/^return-path[ \t]*:/im.test(header)) return octets;
  const kept: Buffer[] = [];
  let from = 0;
  for (const { name, start, end } of splitFields(header, { fields: Number.POSITIVE_INFINITY })) {
    if (name.toLowerCase() !== 'return-path') continue;
    kept.push(octets.subarray(from, start));
    from = end;
  }
  return Buffer.concat([...kept, octets.subarray(from)]);
}
