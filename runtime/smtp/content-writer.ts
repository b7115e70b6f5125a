/** Sends the content of one message by BDAT (RFC 3030) or DATA, and reads what the peer says meanwhile. */
import { DataEncoder } from '#mail/smtp/data-encoder.ts';
import { isPositive, type Reply } from '#mail/smtp/reply.ts';
import type { Connection } from '../connection.ts';
import type { ClientTimeouts, StreamedMessage } from './client-types.ts';
import type { ReplyStream } from './reply-stream.ts';

/** Octets of one BDAT chunk. A refusal is noticed at its end, so this is what is sent in vain at most. */
const CHUNK = 1_048_576;

/** `refused`: the peer would not have the content; `sent`: all of it has left and the final replies are due. */
export type ContentOutcome = { readonly kind: 'sent' } | { readonly kind: 'refused'; readonly reply: Reply };

const SENT: ContentOutcome = { kind: 'sent' };

export interface ContentChannel {
  readonly connection: Connection;
  readonly replies: ReplyStream;
  readonly timeouts: ClientTimeouts;
}

export async function sendByData(channel: ContentChannel, message: StreamedMessage): Promise<ContentOutcome> {
  const { connection, replies, timeouts } = channel;
  await connection.write('DATA\r\n');
  const go = await replies.next(timeouts.data);
  if (go.code !== 354) return { kind: 'refused', reply: go };
  const encoder = new DataEncoder();
  const early = await pour(channel, pieces(message), (piece) => encoder.push(piece));
  if (early !== undefined) return { kind: 'refused', reply: early };
  await write(channel, encoder.finish());
  return SENT;
}

export async function sendByBdat(channel: ContentChannel, message: StreamedMessage): Promise<ContentOutcome> {
  if (message.size === undefined) return sendAsItComes(channel, message);
  const { replies, timeouts } = channel;
  const source = new ChunkSource(pieces(message));
  try {
    let left = message.size;
    while (left > CHUNK) {
      await write(channel, `BDAT ${CHUNK}\r\n`);
      await source.copy(CHUNK, (piece) => write(channel, piece));
      left -= CHUNK;
      const answer = await replies.next(timeouts.data);
      if (!isPositive(answer)) return { kind: 'refused', reply: answer };
    }
    await write(channel, `BDAT ${left} LAST\r\n`);
    await source.copy(left, (piece) => write(channel, piece));
    return SENT;
  } finally {
    await source.close();
  }
}

/** A chunk for each piece, and an empty last one (RFC 3030 §2): the source may fail before its end, and then there must be none. */
async function sendAsItComes(channel: ContentChannel, message: StreamedMessage): Promise<ContentOutcome> {
  for await (const piece of pieces(message)) {
    if (piece.length === 0) continue;
    await write(channel, `BDAT ${piece.length}\r\n`);
    await write(channel, piece);
    const answer = await channel.replies.next(channel.timeouts.data);
    if (!isPositive(answer)) return { kind: 'refused', reply: answer };
  }
  await write(channel, 'BDAT 0 LAST\r\n');
  return SENT;
}

/** Writes until the source ends, or until the peer speaks: before the final dot that can only be a complaint. */
async function pour(
  channel: ContentChannel,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  encode: (piece: Uint8Array) => Uint8Array,
): Promise<Reply | undefined> {
  for await (const piece of source) {
    await write(channel, encode(piece));
    if (channel.replies.waiting) return channel.replies.next(channel.timeouts.block);
  }
  return undefined;
}

async function write(channel: ContentChannel, bytes: Uint8Array | string): Promise<void> {
  // RFC 5321 §4.5.3.2.5: a limit for each block, so that the whole may take as long as its size wants.
  channel.connection.deadline(channel.timeouts.block);
  await channel.connection.write(bytes);
}

function pieces(message: StreamedMessage): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return typeof message.content === 'function' ? message.content() : [message.content];
}

/** Cuts a source of arbitrary pieces at exact lengths. */
class ChunkSource {
  readonly #source: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  async copy(length: number, sink: (piece: Uint8Array) => Promise<void>): Promise<void> {
    let left = length;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const step = await this.#source.next();
        // The peer waits for octets that do not exist: only closing the connection gets out of that.
        if (step.done) throw new Error('the content is shorter than its size');
        this.#rest = step.value;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) await sink(piece);
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
