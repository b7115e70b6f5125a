/** SMTP and LMTP replies (RFC 5321 §4.2, RFC 2034, RFC 3463) as plain data. */

/**
 * `enhanced` is the enhanced status code without its class digit (`'1.1'` prints as `5.1.1` behind a 550): the class is
 * derived from `code`, never written twice. `lines` has at least one text line, without CR or LF.
 */
export interface Reply {
  readonly code: number;
  readonly enhanced?: string;
  readonly lines: readonly string[];
}

/** Builds a reply: `reply(550, '1.1', 'No such user')`; pass `undefined` for replies that carry no enhanced code. */
export function reply(code: number, enhanced: string | undefined, ...lines: string[]): Reply {
  return enhanced === undefined ? { code, lines } : { code, enhanced, lines };
}

/** RFC 3463 §2: the class digit of the enhanced code equals the first digit of the reply code. */
export function enhancedCode(r: Reply): string | undefined {
  return r.enhanced === undefined ? undefined : `${Math.floor(r.code / 100)}.${r.enhanced}`;
}

export const isPositive = (r: Reply): boolean => r.code >= 200 && r.code < 300;
export const isTransient = (r: Reply): boolean => r.code >= 400 && r.code < 500;
export const isPermanent = (r: Reply): boolean => r.code >= 500;

/** RFC 5321 §4.2.1: every line carries the code, all but the last with a hyphen; the enhanced code stands on each (RFC 2034 §4). */
export function formatReply(r: Reply): string {
  const status = enhancedCode(r);
  const head = status === undefined ? '' : `${status} `;
  const last = r.lines.length - 1;
  return r.lines.map((line, i) => `${r.code}${i === last ? ' ' : '-'}${head}${line}\r\n`).join('');
}
