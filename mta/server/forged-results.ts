/**
 * RFC 8601 §5: an Authentication-Results field that comes in with our own authserv-id is a forgery, and whoever reads the mailbox would believe it: it is taken
 * out. Those of others stay, for they are somebody else's word. One without an id is nobody's word, and goes too.
 */
import { splitFields, unfold } from '#mail/header/fields.ts';

/** @param headerLength octets of `content` that are its header; nothing behind them is looked at. @param id our authserv-id, the host name. */
export function withoutForgedResults(content: Buffer, headerLength: number, id: string): Buffer {
  const header = content.toString('latin1', 0, headerLength);
  const forged = splitFields(header, { fields: Number.POSITIVE_INFINITY }).filter(
    ({ name, value }) => name.toLowerCase() === 'authentication-results' && isForged(value, id),
  );
  if (forged.length === 0) return content;
  const kept: Buffer[] = [];
  let from = 0;
  for (const { start, end } of forged) {
    kept.push(content.subarray(from, start));
    from = end;
  }
  return Buffer.concat([...kept, content.subarray(from)]);
}

function isForged(value: string, id: string): boolean {
  const claimed = authservId(value);
  return claimed === undefined || claimed === id.toLowerCase();
}

/** RFC 8601 §2.2: `[CFWS] authserv-id [CFWS version] [CFWS] ";"`; lower case, unquoted. */
export function authservId(value: string): string | undefined {
  const text = withoutComments(unfold(value));
  const [, quoted, plain] = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/.exec(text) ?? [];
  const found = quoted?.replace(/\\(.)/g, '$1').trim() ?? plain;
  return found?.replace(/\.$/, '').toLowerCase();
}

/** Comments nest (RFC 5322 §3.2.2); one that never ends reaches to the end. */
function withoutComments(text: string): string {
  let out = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const c = text.charAt(at);
    const pair = c === '\\' ? text.slice(at, at + 2) : c;
    if (c === '"' && depth === 0) quoted = !quoted;
    if (!quoted && c === '(') depth += 1;
    else if (!quoted && c === ')' && depth > 0) depth -= 1;
    else if (depth === 0) out += pair;
    at += pair.length - 1;
  }
  return out;
}
