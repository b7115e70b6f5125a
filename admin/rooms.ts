/** What acts work on, and who asks. `peerpost` opens these stores for a command; the gateway has them anyway. */
import type { Random } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import type { Directory } from '#store/directory.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';

export interface AdminRooms {
  readonly directory: Directory;
  readonly store: MailStore;
  readonly queue: Queue;
  readonly random: Random;
  readonly clock: { now(): number };
  /** For new accounts: how many shards there are, and their quota in octets; 0 is unlimited. */
  readonly shards: number;
  readonly quota: number;
  /** Absent where nothing runs: there are no sessions then. */
  readonly coordination?: Pick<Coordination, 'sessions' | 'disconnect'>;
}

/** For the audit log: `cli`, the address of an account, or `token:` and the name of a token. */
export interface Actor {
  readonly actor: string;
}

/** What every list prints. */
export interface Items<T> {
  readonly items: readonly T[];
}

/** RFC 3339 in UTC. */
export const timestamp = (ms: number): string => new Date(ms).toISOString();
