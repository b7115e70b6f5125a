/**
 * Checks signatures with c=relaxed/relaxed, written for the tests out of RFC 6376 §6.1 alone: nothing of the signer is used, white space is dealt with by
 * splitting whole strings, and the fields are picked from a list that shrinks.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/** One of each signature in the message, top first: `pass`, or what is wrong. @param message binary string. */
export function verifyAll(message: string, records: { readonly [name: string]: string }): string[] {
  const [header, body] = parted(message);
  const fields = header.split(/\r\n(?![ \t])/);
  const signatures = fields.filter((field) => /^dkim-signature[ \t]*:/i.test(field));
  return signatures.map((signature) => check(signature, fields, body, records));
}

function parted(message: string): [string, string] {
  const end = message.indexOf('\r\n\r\n');
  return end < 0 ? [message.replace(/\r\n$/, ''), ''] : [message.slice(0, end), message.slice(end + 4)];
}

function check(
  signature: string,
  fields: readonly string[],
  body: string,
  records: { readonly [name: string]: string },
) {
  const tags = tagsOf(signature.slice(signature.indexOf(':') + 1));
  const tag = (name: string): string => (tags[name] ?? '').replace(/[ \t\r\n]+/g, '');
  const record = records[`${tag('s')}._domainkey.${tag('d')}`];
  if (record === undefined) return 'no key';
  if (tag('v') !== '1' || tag('c') !== 'relaxed/relaxed') return 'not supported';
  const bodyHash = createHash('sha256').update(relaxedBody(body), 'latin1').digest('base64');
  if (bodyHash !== tag('bh')) return 'body hash differs';
  const left = [...fields];
  let text = '';
  for (const name of tag('h').toLowerCase().split(':')) {
    const at = left.findLastIndex((field) => field.slice(0, field.indexOf(':')).trim().toLowerCase() === name);
    if (at >= 0) text += `${relaxed(left.splice(at, 1)[0] as string)}\r\n`;
  }
  text += relaxed(signature).replace(/([:; ]b=)[^;]*/, '$1');
  const signed = Buffer.from(text, 'latin1');
  const b = Buffer.from(tag('b'), 'base64');
  const key = publicKey(record);
  const good =
    tag('a') === 'rsa-sha256'
      ? verify('sha256', signed, key, b)
      : verify(null, createHash('sha256').update(signed).digest(), key, b);
  return good ? 'pass' : 'signature differs';
}

function tagsOf(value: string): { readonly [name: string]: string } {
  return Object.fromEntries(
    value.split(';').map((tag) => [tag.slice(0, tag.indexOf('=')).trim(), tag.slice(tag.indexOf('=') + 1)]),
  );
}

function publicKey(record: string): KeyObject {
  const tags = tagsOf(record);
  const octets = Buffer.from((tags.p ?? '').replace(/\s+/g, ''), 'base64');
  const prefix = tags.k?.trim() === 'ed25519' ? Buffer.from('302a300506032b6570032100', 'hex') : Buffer.alloc(0);
  return createPublicKey({ key: Buffer.concat([prefix, octets]), format: 'der', type: 'spki' });
}

function relaxed(field: string): string {
  const name = field.slice(0, field.indexOf(':'));
  const words = field
    .slice(field.indexOf(':') + 1)
    .split('\r\n')
    .join('')
    .split(/[ \t]/);
  return `${name.trim().toLowerCase()}:${words.filter((word) => word !== '').join(' ')}`;
}

/** RFC 6376 §3.4.4, over the whole body at once. */
export function relaxedBody(body: string): string {
  const lines = body.split('\r\n').map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''));
  while (lines.at(-1) === '') lines.pop();
  return lines.map((line) => `${line}\r\n`).join('');
}
