/**
 * Small reads on the thread that asks: a row or a few by their keys, some ten microseconds. A way to a reader thread and back costs
 * several times that and two wake-ups. What may touch many pages never comes here (`isSmall`), so that sockets don't wait for it.
 */
import type { Log } from '#runtime/ambient.ts';
import { TurnCache } from '../../turn-cache.ts';
import type { Access, UidSet } from '../../types.ts';
import { type ReadRequest, type Sample, ShardReader } from './shard-reader.ts';

const CACHE_KB = 16_384;
/** Messages. Contents, of at most 64 KB each, come in batches of 128 KB. */
const MOST_ROWS = 16;

type SmallRequest = Exclude<ReadRequest, readonly ['search', ...unknown[]]>;

export class NearReader {
  readonly #data: string;
  readonly #log: Log;
  readonly #shards = new Map<number, ShardReader>();
  /** Asked before each answer that may be had again: how an account stands, as of a shard's last commit. */
  readonly #states = new Map<number, TurnCache>();

  constructor(data: string, log: Log) {
    this.#data = data;
    this.#log = log;
  }

  read(shard: number, access: Access, request: SmallRequest): unknown {
    const reader = this.#shard(shard);
    if (request[0] === 'accountState' && access.owner === access.viewer) {
      return this.#state(shard, reader).get(access.owner, () => reader.read(access, request));
    }
    return request[0] === 'messages' ? reader.few(access, request[1]) : reader.read(access, request);
  }

  /** Opens a shard, so that the first read of it doesn't wait for that. What goes wrong will be told to whoever reads. */
  warm(shard: number): Sample | undefined {
    try {
      return this.#shard(shard).rehearse();
    } catch (error) {
      this.#log.debug({ err: error, shard }, 'a shard can not be read yet');
      return undefined;
    }
  }

  /** A commit was made from here. */
  changed(shard: number): void {
    this.#states.get(shard)?.changed();
  }

  close(): void {
    for (const shard of this.#shards.values()) shard.close();
    this.#shards.clear();
  }

  #state(shard: number, reader: ShardReader): TurnCache {
    const known = this.#states.get(shard) ?? new TurnCache(() => reader.version());
    this.#states.set(shard, known);
    return known;
  }

  #shard(number: number): ShardReader {
    const known = this.#shards.get(number);
    if (known) return known;
    const shard = new ShardReader(this.#data, number, { log: this.#log, cacheKb: CACHE_KB });
    this.#shards.set(number, shard);
    return shard;
  }
}

export function isSmall(request: ReadRequest): request is SmallRequest {
  switch (request[0]) {
    case 'accountState':
    case 'record':
    case 'few-changes':
    case 'few-mailboxes':
    case 'few-outbox':
    case 'few-placements':
    case 'glance':
    case 'mailbox':
    case 'small-delta':
    case 'small-snapshot':
    case 'small-sizes':
    case 'no-growth':
      return true;
    case 'messages':
      return spanOf(request[1].uids) <= MOST_ROWS;
    default:
      return false;
  }
}

/** UIDs from the first to the last of all ranges, gaps between ranges left out. */
function spanOf(uids: UidSet): number {
  if (uids.length > MOST_ROWS) return Number.POSITIVE_INFINITY;
  return uids.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
