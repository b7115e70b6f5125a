/**
 * Takes the octets of an APPEND as they come: indexes them, keeps a small message in memory and stages a large one. Nothing is thrown while
 * octets come in, so that the command stays framed; what went wrong is told by `take`.
 */
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { createIndexer } from '#mail/mime/indexer.ts';
import type { MessageIndex } from '#mail/mime/message-index.ts';
import type { Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { MailStore } from '#store/store.ts';
import { type AccountId, type BodyRef, INLINE_BODY_LIMIT, type InlineBody } from '#store/types.ts';
import type { LiteralSink } from '../../command.ts';
import { Channel } from './channel.ts';

export interface SinkOptions {
  readonly store: Pick<MailStore, 'stage'>;
  readonly random: Random;
  readonly owner: AccountId;
  readonly size: number;
  /** NUL is allowed (a literal8). */
  readonly binary: boolean;
}

export interface ReceivedMessage {
  readonly body: BodyRef | InlineBody;
  readonly index: MessageIndex;
}

export class MessageSink implements LiteralSink {
  readonly #options: SinkOptions;
  readonly #indexer = createIndexer();
  readonly #chunks: Buffer[] = [];
  readonly #channel: Channel | undefined;
  /** Settles with the staged body, or with why there is none; never rejects. */
  readonly #staged: Promise<BodyRef | { readonly error: unknown }> | undefined;
  #nul = false;

  constructor(options: SinkOptions) {
    this.#options = options;
    if (options.size <= INLINE_BODY_LIMIT) return;
    const channel = new Channel();
    this.#channel = channel;
    this.#staged = options.store.stage(options.owner, channel).catch((error: unknown) => {
      channel.leave();
      return { error };
    });
  }

  write(bytes: Buffer): Promise<void> | void {
    if (!this.#options.binary && !this.#nul && bytes.includes(0)) this.#nul = true;
    this.#indexer.push(bytes);
    if (this.#channel !== undefined) return this.#channel.put(bytes);
    this.#chunks.push(bytes);
  }

  end(): void {
    this.#channel?.end();
  }

  async abort(): Promise<void> {
    this.#channel?.fail(new Error('the command was given up'));
    await this.#staged;
  }

  /** Throws `bad-request` for a NUL, or what staging has thrown. */
  async take(): Promise<ReceivedMessage> {
    const body = await this.#body();
    // RFC 9051 §4.3: a literal has no NUL; RFC 3516 §4.4 made literal8 for that.
    if (this.#nul) throw new MailError('bad-request', 'NUL in a literal');
    return { body, index: this.#indexer.finish() };
  }

  async #body(): Promise<BodyRef | InlineBody> {
    if (this.#staged !== undefined) {
      const staged = await this.#staged;
      if ('error' in staged) throw staged.error;
      return staged;
    }
    const data = Buffer.concat(this.#chunks);
    const id = newId('body', this.#options.random);
    return { id, length: data.length, crc: crc32(data), codec: 'identity', key: null, data };
  }
}
