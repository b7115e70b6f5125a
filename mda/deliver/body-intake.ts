/** The body of a message while it comes in: kept in memory while it is small, staged in the store as a stream once it is large. */
import { crc32 } from 'node:zlib';
import type { Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { MailStore } from '#store/store.ts';
import { type AccountId, type BodyRef, INLINE_BODY_LIMIT, type InlineBody } from '#store/types.ts';
import { ChunkStream } from './chunk-stream.ts';

/** One stage, and for whom: the accounts that live in one shard can all name it. */
interface Staging {
  readonly stream: ChunkStream;
  readonly body: Promise<BodyRef>;
}

export interface IntakeRooms {
  readonly store: MailStore;
  readonly random: Random;
  /** Which shard an account lives in: a large body is staged once in each. Only asked for large bodies. */
  shardOf(account: AccountId): Promise<number>;
}

export class BodyIntake {
  readonly #rooms: IntakeRooms;
  readonly #accounts: readonly AccountId[];
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #crc = 0;
  #stagings: ReadonlyMap<number, Staging> | undefined;
  readonly #shards = new Map<AccountId, number>();

  constructor(rooms: IntakeRooms, accounts: readonly AccountId[]) {
    this.#rooms = rooms;
    this.#accounts = accounts;
  }

  /** A promise is back-pressure: every shard that stages must have taken the chunk. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    this.#length += chunk.length;
    if (this.#stagings !== undefined) return this.#feed(chunk);
    this.#chunks.push(chunk);
    this.#crc = crc32(chunk, this.#crc);
    return this.#length > INLINE_BODY_LIMIT ? this.#startStaging() : undefined;
  }

  /** The whole body, for the account; all accounts get the same id. Call once, at the end. */
  finish(): (account: AccountId) => Promise<BodyRef | InlineBody> {
    const stagings = this.#stagings;
    if (stagings === undefined) {
      const body = this.#inline();
      return () => Promise.resolve(body);
    }
    for (const { stream } of stagings.values()) stream.end();
    return async (account) => {
      const staging = stagings.get(this.#shards.get(account) ?? -1);
      if (staging === undefined) throw new Error('a body was not staged for this account');
      return staging.body;
    };
  }

  /** What was staged is never named by a commit, and collected. */
  abort(): void {
    for (const { stream } of this.#stagings?.values() ?? []) stream.fail(new Error('the message was given up'));
  }

  #inline(): InlineBody {
    const data = this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
    const id = newId('body', this.#rooms.random);
    return { id, length: this.#length, crc: this.#crc, codec: 'identity', key: null, data };
  }

  async #startStaging(): Promise<void> {
    const owners = new Map<number, AccountId>();
    for (const account of this.#accounts) {
      const shard = await this.#rooms.shardOf(account);
      this.#shards.set(account, shard);
      if (!owners.has(shard)) owners.set(shard, account);
    }
    this.#stagings = new Map(Array.from(owners, ([shard, owner]) => [shard, this.#stage(owner)]));
    for (const chunk of this.#chunks.splice(0)) await this.#feed(chunk);
  }

  #stage(owner: AccountId): Staging {
    const stream = new ChunkStream();
    const body = this.#rooms.store.stage(owner, stream);
    // Its failure is answered to the recipients at the end; until then nobody listens, and the stream must not wait for a reader that is gone.
    body.catch((error: unknown) => stream.fail(error));
    return { stream, body };
  }

  async #feed(chunk: Uint8Array): Promise<void> {
    const stagings = [...(this.#stagings?.values() ?? [])];
    await Promise.all(stagings.map(({ stream }) => stream.push(chunk)));
  }
}
