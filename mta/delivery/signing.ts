/**
 * DKIM signatures of what leaves, made for exactly the octets that a host is sent: what a host takes decides how a message is converted, so nothing that is
 * made before is known to hold. The queue keeps the message unsigned; no try signs what is signed already.
 */
import { MessageDigester } from '#mail/dkim/digest.ts';
import { readSigningKey } from '#mail/dkim/key.ts';
import { type Signer, signatureFields } from '#mail/dkim/signature.ts';
import type { Clock } from '#runtime/ambient.ts';
import type { DkimKey } from '#store/account-rules.ts';
import type { QueueEntry, QueueId } from '#store/queue.ts';

export interface SigningOptions {
  readonly directory: { dkimKeys(domain: string): Promise<readonly DkimKey[]> };
  readonly clock: Pick<Clock, 'now'>;
  /** Ours: reports are written in its name. */
  hostname(): string;
}

/** The fields for the top of a message, as a binary string with their line ends. `form` names the conversion that `content` has gone through. */
export type Sign = (form: string, content: AsyncIterable<Uint8Array>) => Promise<string>;

/** Signatures that are kept: a message to a thousand domains is signed once, not a thousand times. */
const KEPT = 500;

export class Signing {
  readonly #options: SigningOptions;
  readonly #signers = new Map<string, { readonly pem: string; readonly signer: Signer }>();
  readonly #made = new Map<string, Promise<string>>();

  constructor(options: SigningOptions) {
    this.#options = options;
  }

  /**
   * `undefined` where nobody's key is for it. Throws when the directory can't be asked or a signing key can't be read: then the mail waits. Domains that sign
   * tell the world to refuse what isn't signed, so a bounce is the likely end of mail that goes without, and no admin would hear of it.
   */
  async signFor({ id, signAs }: Pick<QueueEntry, 'id' | 'signAs'>): Promise<Sign | undefined> {
    if (signAs === undefined) return undefined;
    const keys = await this.#keys(signAs);
    if (keys.length === 0) return undefined;
    const signers = keys.map((key) => this.#signer(key));
    return (form, content) => this.#kept(id, form, signers, content);
  }

  /** Our host stands in one of our domains mostly, and what it writes itself is signed by the nearest one above it that has keys (DMARC, relaxed). */
  async #keys(signAs: string): Promise<readonly DkimKey[]> {
    const isHost = signAs === this.#options.hostname().toLowerCase();
    for (let domain = signAs; ; domain = domain.slice(domain.indexOf('.') + 1)) {
      const keys = (await this.#options.directory.dkimKeys(domain)).filter(({ state }) => state === 'signing');
      if (keys.length > 0 || !isHost || domain.split('.').length < 3) return keys;
    }
  }

  #signer({ domain, selector, key: pem }: DkimKey): Signer {
    const name = `${selector} ${domain}`;
    const known = this.#signers.get(name);
    if (known?.pem === pem) return known.signer;
    const { algorithm, key } = readSigningKey(pem);
    const signer = { domain, selector, algorithm, key };
    this.#signers.set(name, { pem, signer });
    return signer;
  }

  #kept(id: QueueId, form: string, signers: readonly Signer[], content: AsyncIterable<Uint8Array>): Promise<string> {
    const name = [id, form, ...signers.map(({ selector }) => selector)].join(' ');
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const made = this.#sign(signers, content);
    this.#made.set(name, made);
    made.catch(() => this.#made.delete(name));
    if (this.#made.size > KEPT) this.#made.delete(this.#made.keys().next().value as string);
    return made;
  }

  async #sign(signers: readonly Signer[], content: AsyncIterable<Uint8Array>): Promise<string> {
    const digester = new MessageDigester();
    for await (const chunk of content) digester.push(chunk);
    return await signatureFields(digester.finish(), signers, this.#options.clock.now());
  }
}
