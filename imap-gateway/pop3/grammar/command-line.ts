/** RFC 1939 §3, RFC 2449 §4: a keyword without case, and what stands behind one space. */
import { ParseError } from './parse-error.ts';

export interface CommandLine {
  /** Upper case. */
  readonly name: string;
  /** All that stands behind the keyword and its space; `undefined` where there is no space. Only PASS takes it as it is. */
  readonly rest: string | undefined;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const CONTROL = /[\u0000-\u001f\u007f]/;

/** As nearly all are: seen by one look at octets that need no decoding. */
const PLAIN = /^([A-Za-z0-9]{1,40})(?: ([\x20-\x7e]*))?$/;

/** @param bytes one line without its end. Throws `ParseError`. */
export function parseCommandLine(bytes: Buffer): CommandLine {
  const [, keyword, rest] =
    PLAIN.exec(bytes.toString('latin1')) ?? /^([A-Za-z0-9]{1,40})(?: (.*))?$/s.exec(decode(bytes)) ?? [];
  if (keyword === undefined) throw new ParseError('Unknown command');
  return { name: keyword.toUpperCase(), rest };
}

/** RFC 6856 §2.2: what is not UTF-8 is refused; so are control characters, which no argument has. */
function decode(bytes: Uint8Array): string {
  let line: string;
  try {
    line = decoder.decode(bytes);
  } catch {
    throw new ParseError('Not UTF-8');
  }
  if (CONTROL.test(line)) throw new ParseError('Control characters are not allowed');
  return line;
}
