/**
 * Strings as we send them (RFC 9051 §4.3, §9). Text goes out as UTF-8; `utf8` says whether the client has enabled that for quoted
 * strings (RFC 6855 §3), else what isn't US-ASCII becomes a literal.
 */
import { encodeMailboxName } from '#mail/mailbox-name.ts';
import { ASTRING, isAll } from '../grammar/char-class.ts';

/** Longer ones become literals, for clients with small line buffers. */
const MAX_QUOTED = 1_000;
const NON_ASCII = /[^\x00-\x7f]/;
const NEVER_QUOTED = /[\0\r\n]/;

export function formatString(text: string, utf8: boolean): string {
  const quotable = text.length <= MAX_QUOTED && !NEVER_QUOTED.test(text) && (utf8 || !NON_ASCII.test(text));
  return quotable ? formatQuoted(text) : formatLiteral(text);
}

/** An atom where that is enough; NIL is quoted, so that nobody takes it for the absence of a string. */
export function formatAstring(text: string, utf8: boolean): string {
  const bare = isAll(text, ASTRING) && text.length <= MAX_QUOTED && text.toUpperCase() !== 'NIL';
  return bare ? text : formatString(text, utf8);
}

export function formatNstring(text: string | undefined, utf8: boolean): string {
  return text === undefined ? 'NIL' : formatString(text, utf8);
}

/** A mailbox name in the form that the client has chosen (RFC 9051 §5.1, RFC 3501 §5.1.3). */
export function formatMailbox(name: string, utf8: boolean): string {
  return formatAstring(utf8 ? name : encodeMailboxName(name), utf8);
}

function formatQuoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function formatLiteral(text: string): string {
  return `{${Buffer.byteLength(text)}}\r\n${text}`;
}
