/** A message on its way into the store: indexed while its octets pass, kept in memory while it is small, staged when it is large. */
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { createIndexer } from '#mail/mime/indexer.ts';
import type { MessageIndex } from '#mail/mime/message-index.ts';
import type { Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { MailStore } from '#store/store.ts';
import { type AccountId, type BodyRef, INLINE_BODY_LIMIT, type InlineBody } from '#store/types.ts';

export interface ReceiveOptions {
  readonly store: Pick<MailStore, 'stage'>;
  readonly random: Random;
  readonly owner: AccountId;
  /** Octets; longer messages are `too-large`. */
  readonly limit: number;
  /** It was in a store before: whatever it holds, it comes back. */
  readonly archived?: boolean;
}

export interface Received {
  readonly body: BodyRef | InlineBody;
  readonly index: MessageIndex;
}

/** @throws MailError `too-large`, `bad-request` for a message that is empty or has a NUL; then the source is not read to its end. */
export async function receiveMessage(options: ReceiveOptions, source: AsyncIterable<Uint8Array>): Promise<Received> {
  const { store, random, owner } = options;
  const indexer = createIndexer();
  const iterator = checked(options, source)[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let size = 0;
  while (size <= INLINE_BODY_LIMIT) {
    const next = await iterator.next();
    if (next.done === true) {
      const data = Buffer.concat(head);
      if (size === 0 && !options.archived) throw new MailError('bad-request', 'the message is empty');
      indexer.push(data);
      const id = newId('body', random);
      const body = { id, length: size, crc: crc32(data), codec: 'identity', key: null, data } as const;
      return { body, index: indexer.finish() };
    }
    // The source may use its buffer again.
    head.push(Uint8Array.from(next.value));
    size += next.value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      for (const chunk of head) {
        indexer.push(chunk);
        yield chunk;
      }
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        indexer.push(next.value);
        yield next.value;
      }
    } finally {
      await iterator.return?.(undefined);
    }
  }
  const body = await store.stage(owner, all());
  return { body, index: indexer.finish() };
}

async function* checked(
  { limit, archived }: ReceiveOptions,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    size += chunk.length;
    if (size > limit) throw new MailError('too-large', `the message has more than ${limit} octets`);
    // RFC 9051 §4.3: IMAP could not give it back.
    if (!archived && chunk.includes(0)) throw new MailError('bad-request', 'the message has a NUL');
    yield chunk;
  }
}
