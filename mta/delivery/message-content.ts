/** The content of a queued message for one attempt: small ones are read once and kept, large ones are streamed each time. */
import type { QueueId } from '#store/queue.ts';

export interface ContentSource {
  content(id: QueueId, start?: number, end?: number): AsyncIterable<Uint8Array>;
}

const KEEP = 65_536;
const HEADER_LIMIT = 262_144;

export class MessageContent {
  readonly size: number;
  readonly #source: ContentSource;
  readonly #id: QueueId;
  #kept: Promise<Buffer> | undefined;

  constructor(source: ContentSource, id: QueueId, size: number) {
    this.#source = source;
    this.#id = id;
    this.size = size;
  }

  /** As `OutgoingMessage.content` wants it. */
  async forSending(): Promise<Uint8Array | (() => AsyncIterable<Uint8Array>)> {
    if (this.small) return this.#whole();
    return () => this.#source.content(this.#id);
  }

  /** It is kept in memory once it has been read. */
  get small(): boolean {
    return this.size <= KEEP;
  }

  async isEightBit(): Promise<boolean> {
    for await (const chunk of this.chunks()) if (hasHighOctets(chunk)) return true;
    return false;
  }

  async hasEightBitHeader(): Promise<boolean> {
    const all: Uint8Array[] = [];
    for await (const chunk of this.chunks(HEADER_LIMIT)) all.push(chunk);
    const start = Buffer.concat(all);
    const end = start.indexOf('\r\n\r\n');
    return hasHighOctets(end < 0 ? start : start.subarray(0, end));
  }

  /** Up to about `end`. */
  async *chunks(end = this.size): AsyncIterable<Uint8Array> {
    if (this.small) yield await this.#whole();
    else yield* this.#source.content(this.#id, 0, Math.min(end, this.size));
  }

  #whole(): Promise<Buffer> {
    this.#kept ??= gather(this.#source.content(this.#id));
    return this.#kept;
  }
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  const only = all[0];
  if (all.length === 1 && only !== undefined) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return Buffer.concat(all);
}

function hasHighOctets(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i += 1) if ((bytes[i] as number) > 0x7f) return true;
  return false;
}
