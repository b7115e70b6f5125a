/**
 * Octets to text. Structured header code works on *binary strings* (one character an octet, as `latin1` gives them), so
 * that what goes back to the wire is what came; text is made of them only here.
 */
import { TextDecoder } from 'node:util';

const decoders = new Map<string, TextDecoder | undefined>();
/** Labels come from the network: the cache must not grow with them. */
const MAX_CACHED_LABELS = 200;

/** Names that mail uses and the WHATWG list lacks. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['cp932', 'shift_jis'],
  ['ms932', 'shift_jis'],
  ['cp936', 'gbk'],
  ['cp949', 'euc-kr'],
  ['cp950', 'big5'],
  ['cp1250', 'windows-1250'],
  ['cp1251', 'windows-1251'],
  ['cp1252', 'windows-1252'],
  ['iso8859-8-i', 'iso-8859-8-i'],
  ['unicode-1-1-utf-8', 'utf-8'],
  ['unknown-8bit', 'us-ascii'],
  ['x-unknown', 'us-ascii'],
  ['8bit', 'us-ascii'],
  ['binary', 'us-ascii'],
]);

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const westernFallback = new TextDecoder('windows-1252');

/** A decoder that never throws on octets, or `undefined` for a charset that nobody here knows (RFC 2978 names, without case). */
export function decoderFor(label: string): TextDecoder | undefined {
  const name = label.trim().toLowerCase();
  const known = decoders.get(name);
  if (known !== undefined || decoders.has(name)) return known;
  let decoder: TextDecoder | undefined;
  try {
    decoder = new TextDecoder(ALIASES.get(name) ?? name);
  } catch (error) {
    // RangeError is the documented answer for a label that is not known; anything else is a fault.
    if (!(error instanceof RangeError)) throw error;
  }
  if (decoders.size < MAX_CACHED_LABELS) decoders.set(name, decoder);
  return decoder;
}

const isAsciiLabel = (label: string): boolean =>
  /^(?:us-?ascii|ansi_x3\.4-1968|unknown-8bit|x-unknown|8bit|binary)$/i.test(label);

/**
 * Text of octets that claim a charset. Without a claim, with US-ASCII or with an unknown one, it is UTF-8 when it is valid
 * UTF-8 and Windows-1252 otherwise, which is what undeclared 8-bit mail is in practice. Never throws.
 */
export function decodeText(bytes: Uint8Array, charset?: string): string {
  if (charset !== undefined && charset !== '' && !isAsciiLabel(charset.trim())) {
    const decoder = decoderFor(charset);
    if (decoder !== undefined) return decoder.decode(bytes);
  }
  return decodeUndeclared(bytes);
}

function decodeUndeclared(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return westernFallback.decode(bytes);
  }
}

const EIGHT_BIT = /[\x80-\xff]/;

/** Text of a binary string: header text with raw 8-bit octets (RFC 6532 says UTF-8; older mail says nothing). */
export function textOfBinary(binary: string): string {
  return EIGHT_BIT.test(binary) ? decodeUndeclared(Buffer.from(binary, 'latin1')) : binary;
}
