/** HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 §6.4.5.1): the chosen fields as they were stored, folding included, and the empty line. */

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const CRLF = Buffer.from('\r\n');

/** @param not take all fields but those named. Lines that are no fields belong to what is left out or taken with `not`. */
export function selectFields(header: Uint8Array, names: readonly string[], not: boolean): Uint8Array {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.length);
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const taken: Buffer[] = [];
  let fieldStart = 0;
  let takes = false;
  for (let at = 0; at < bytes.length; ) {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf + 1;
    if (isEmptyLine(bytes, at)) break;
    const folded = at > 0 && (bytes[at] === SP || bytes[at] === TAB);
    if (!folded) {
      fieldStart = at;
      takes = wanted.has(fieldName(bytes, at, end)) !== not;
    }
    if (takes) extend(taken, bytes, folded ? fieldStart : at, at, end);
    at = end;
  }
  // §6.4.5.1: the empty line is always there, also when no field matched.
  taken.push(CRLF);
  return taken.length === 1 ? CRLF : Buffer.concat(taken);
}

/** Adds the line [at, end); a folded line lengthens the slice of its field. */
function extend(taken: Buffer[], bytes: Buffer, fieldStart: number, at: number, end: number): void {
  if (fieldStart === at) taken.push(bytes.subarray(at, end));
  else taken[taken.length - 1] = bytes.subarray(fieldStart, end);
}

function isEmptyLine(bytes: Buffer, at: number): boolean {
  return bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF);
}

/** Lower case; white space before the colon is obsolete but read (RFC 5322 §4.5). Empty for a line without a colon. */
function fieldName(bytes: Buffer, at: number, end: number): string {
  const colon = bytes.indexOf(COLON, at);
  return colon < 0 || colon >= end ? '' : bytes.toString('latin1', at, colon).trimEnd().toLowerCase();
}
