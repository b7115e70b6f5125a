/** What final delivery makes of a message's header, for tests that compare octets. */

/** RFC 5321 §4.4: Return-Path fields of earlier deliveries are gone. The header's lines end with CRLF. */
export function withoutReturnPath(message: Buffer): Buffer {
  const text = message.toString('latin1');
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n') + 2;
  const header = end === 1 ? text : text.slice(0, end);
  const kept = header.replace(/^return-path[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n/gim, '');
  return Buffer.from(kept + text.slice(header.length), 'latin1');
}
