/** Strings of IMAP responses (RFC 9051 §4.3), built as binary strings: one character an octet. */

const QUOTABLE = /^[^\0\r\n\x80-\xff]*$/;
const PLAIN = /^[\x09\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A quoted string, or a literal where octets above 127 or line ends need one. NUL can't be sent at all (CHAR8) and goes. */
export function imapString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (QUOTABLE.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}"`;
  const sendable = text.replaceAll('\0', '');
  return `{${sendable.length}}\r\n${sendable}`;
}

/** NIL is not `""` (RFC 9051 §7.5.2): absent is NIL, present and empty is empty. */
export const nilOrString = (text: string | undefined): string => (text === undefined ? 'NIL' : imapString(text));
