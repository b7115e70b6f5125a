/** DKIM-Signature fields: what stands in them, how they are folded, and how they are signed (RFC 6376 §3.5 to §3.7, RFC 8463 §3). */
import { createHash, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { relaxedField } from './canonical.ts';
import type { MessageDigest } from './digest.ts';
import type { DkimAlgorithm } from './key.ts';
import { type Selection, selectSigned } from './selection.ts';

export interface Signer {
  /** A-labels. */
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  readonly key: KeyObject;
}

const NAME = 'DKIM-Signature';
const LINE = 76;
const BASE64_LINE = 72;
const signAsync = promisify(sign);

/**
 * The fields for the top of the message, each with its CRLF, one for each signer. The work is done in the thread pool. Rejects with what the
 * cryptography throws. @param now milliseconds.
 */
export async function signatureFields(digest: MessageDigest, signers: readonly Signer[], now: number): Promise<string> {
  const selection = selectSigned(digest.header);
  const fields = await Promise.all(signers.map((signer) => signatureField(digest.bodyHash, selection, signer, now)));
  return fields.join('');
}

async function signatureField(bodyHash: string, selection: Selection, signer: Signer, now: number): Promise<string> {
  const unsigned = unsignedValue(bodyHash, selection.names, signer, now);
  // RFC 6376 §3.7: the field itself comes last, its signature empty, without its line end.
  const text = selection.text + relaxedField(NAME, unsigned).slice(0, -2);
  const signature = await signText(Buffer.from(text, 'latin1'), signer);
  return `${NAME}:${unsigned}${foldBase64(signature.toString('base64'))}\r\n`;
}

/** RFC 8463 §3: Ed25519 signs the SHA-256 of what RSA would sign. */
function signText(text: Buffer, { algorithm, key }: Signer): Promise<Buffer> {
  return algorithm === 'rsa-sha256'
    ? signAsync('sha256', text, key)
    : signAsync(null, createHash('sha256').update(text).digest(), key);
}

/** Up to `b=`. The signature follows at once, so that no reader wonders which blanks belong to it. */
function unsignedValue(bodyHash: string, names: readonly string[], signer: Signer, now: number): string {
  const { domain, selector, algorithm } = signer;
  // §3.5: white space may stand around each colon of h.
  const signed = names.map((name, i) => (i === 0 ? `h=${name}` : `:${name}`));
  const tags = ['v=1;', `a=${algorithm};`, 'c=relaxed/relaxed;', `d=${domain};`, `s=${selector};`];
  const words: [text: string, blank: boolean][] = [...tags, `t=${Math.floor(now / 1000)};`].map((tag) => [tag, true]);
  for (const [i, name] of signed.entries()) words.push([i === signed.length - 1 ? `${name};` : name, i === 0]);
  words.push([`bh=${bodyHash};`, true]);
  let value = '';
  let width = NAME.length + 1;
  for (const [text, blank] of words) {
    const needed = text.length + (blank ? 1 : 0);
    const folds = width + needed > LINE;
    value += `${folds ? '\r\n\t' : blank ? ' ' : ''}${text}`;
    width = folds ? text.length + 1 : width + needed;
  }
  return `${value}\r\n\tb=`;
}

function foldBase64(text: string): string {
  const lines = text.match(new RegExp(`.{1,${BASE64_LINE}}`, 'g')) ?? [];
  return lines.join('\r\n\t');
}
