/**
 * The content of a message as one host can take it: as it is, or converted (RFC 6152 §3, RFC 3030 §3), or not at all; and signed, where it is to be. A
 * conversion is planned once for all hosts alike; a large message passes three times (structure, what doesn't fit, size) before it is sent, once
 * more for its signature, and is never held whole.
 */
import type { BodyType } from '#mail/envelope.ts';
import { Converter } from '#mail/mime/convert/converter.ts';
import { type Aim, type ConversionStep, type Obstacle, planConversion } from '#mail/mime/convert/plan.ts';
import { createIndexer } from '#mail/mime/indexer.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { OutgoingMessage } from '#runtime/smtp/client-types.ts';
import type { Extensions } from '#runtime/smtp/extensions.ts';
import type { MessageContent } from './message-content.ts';
import type { Sign } from './signing.ts';

export type Sendable = Pick<OutgoingMessage, 'bodyType' | 'size' | 'content'>;

/** What was made of a message: nothing, or content for a narrower transport. */
type Form = 'as it is' | Aim['domain'];

export class Sendables {
  readonly #content: MessageContent;
  readonly #bodyType: BodyType;
  readonly #sign: Sign | undefined;
  readonly #made = new Map<Form, Promise<Sendable | Reply>>();
  #eightBit: Promise<boolean> | undefined;

  constructor(content: MessageContent, bodyType: BodyType, sign?: Sign) {
    this.#content = content;
    this.#bodyType = bodyType;
    this.#sign = sign;
  }

  /** A `Reply` says why there is nothing that the host could take. */
  async for(extensions: Extensions): Promise<Sendable | Reply> {
    const aim = await this.#aim(extensions);
    const form = aim?.domain ?? 'as it is';
    let made = this.#made.get(form);
    if (made === undefined) {
      made = this.#make(form, aim);
      this.#made.set(form, made);
    }
    return made;
  }

  async #make(form: Form, aim: Aim | undefined): Promise<Sendable | Reply> {
    const plain = await (aim === undefined ? this.#asItIs() : this.#convert(aim));
    if (this.#sign === undefined || 'code' in plain) return plain;
    const { content } = plain;
    const chunks = typeof content === 'function' ? content() : [content];
    const fields = Buffer.from(await this.#sign(form, chunksOf(chunks)), 'latin1');
    return {
      ...plain,
      size: fields.length + plain.size,
      content: typeof content === 'function' ? () => topped(fields, content()) : Buffer.concat([fields, content]),
    };
  }

  async #aim(extensions: Extensions): Promise<Aim | undefined> {
    const domain = extensions.has('8BITMIME') ? '8bit' : '7bit';
    if (this.#bodyType === 'binarymime') {
      return extensions.has('BINARYMIME') && extensions.has('CHUNKING') ? undefined : { domain, lines: true };
    }
    if (domain === '8bit') return undefined;
    this.#eightBit ??= this.#content.isEightBit();
    return (await this.#eightBit) ? { domain, lines: false } : undefined;
  }

  async #convert(aim: Aim): Promise<Sendable | Reply> {
    const indexer = createIndexer();
    for await (const chunk of this.#content.chunks()) indexer.push(chunk);
    const planning = planConversion(indexer.finish(), aim);
    for await (const chunk of this.#content.chunks()) planning.push(chunk);
    const plan = planning.finish();
    if (plan.kind === 'possible') return this.#apply(plan.steps, aim);
    // Who never said that it is 8-bit gets what everybody gives: it goes on as it came.
    return this.#bodyType === '7bit' ? this.#asItIs() : obstacleReply(this.#bodyType, plan.obstacle);
  }

  async #apply(steps: readonly ConversionStep[], aim: Aim): Promise<Sendable> {
    const bodyType = aim.domain === '8bit' ? '8bitmime' : '7bit';
    const pass = (): AsyncIterable<Uint8Array> => converted(this.#content.chunks(), new Converter(steps));
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of pass()) {
      size += piece.length;
      if (this.#content.small) pieces.push(piece);
    }
    return { bodyType, size, content: this.#content.small ? Buffer.concat(pieces) : pass };
  }

  async #asItIs(): Promise<Sendable> {
    return { bodyType: this.#bodyType, size: this.#content.size, content: await this.#content.forSending() };
  }
}

async function* chunksOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}

async function* topped(top: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield top;
  yield* rest;
}

async function* converted(chunks: AsyncIterable<Uint8Array>, converter: Converter): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    const piece = converter.push(chunk);
    if (piece.length > 0) yield piece;
  }
}

const REASONS: { readonly [O in Obstacle]: string } = {
  signed: 'what is signed must not be converted',
  header: 'header fields cannot be converted',
  encoding: 'a part of it cannot be encoded',
  structure: 'its structure is unclear',
};

/** RFC 3463 §3.7: X.6.3 is "conversion required but not supported". */
function obstacleReply(bodyType: BodyType, obstacle: Obstacle): Reply {
  const extension = bodyType === 'binarymime' ? 'BINARYMIME' : '8BITMIME';
  return reply(554, '6.3', `The next host does not support ${extension}, and ${REASONS[obstacle]}`);
}
