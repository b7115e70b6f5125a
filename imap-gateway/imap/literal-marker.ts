/** The end of a line that announces a literal: `{n}`, `{n+}` (RFC 7888), `~{n}`, `~{n+}` (RFC 3516). */
export interface LiteralMarker {
  /** Where it starts in the line. */
  readonly start: number;
  readonly size: number;
  readonly sync: boolean;
  readonly binary: boolean;
}

/** More octets than any marker with its CRLF has. */
export const MARKER_LIMIT = 32;
/** RFC 9051 §9 number64; beyond 15 digits nobody can be served, and the size only has to stay too large. */
const MAX_DIGITS = 15;

const isDigit = (octet: number | undefined): boolean => octet !== undefined && octet >= 0x30 && octet <= 0x39;

/** Looks backwards from the end of `line` (without CRLF). */
export function findLiteralMarker(line: Uint8Array): LiteralMarker | undefined {
  let at = line.length - 1;
  if (line[at] !== 0x7d /* } */) return undefined;
  at--;
  const sync = line[at] !== 0x2b; /* + */
  if (!sync) at--;
  const lastDigit = at;
  while (isDigit(line[at]) && lastDigit - at < MARKER_LIMIT) at--;
  if (at === lastDigit || line[at] !== 0x7b /* { */) return undefined;
  const size = readSize(line, at + 1, lastDigit);
  const binary = at > 0 && line[at - 1] === 0x7e; /* ~ */
  return { start: binary ? at - 1 : at, size, sync, binary };
}

function readSize(line: Uint8Array, first: number, last: number): number {
  if (last - first >= MAX_DIGITS) return Number.MAX_SAFE_INTEGER;
  let size = 0;
  for (let i = first; i <= last; i++) size = size * 10 + (line[i] ?? 0) - 0x30;
  return size;
}
