/** What every route may use. Whoever adds a resource that needs more (a submitter, a hub of events) adds it here and in `main.ts`. */
import type { StatusRooms } from '#admin/status.ts';
import type { Config } from '#config/config.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import type { Resolver } from '#runtime/dns/resolver.ts';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import type { Directory } from '#store/directory.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';
import type { ViewCache } from '#store/view-cache.ts';
import type { JobBook } from '#transfer/jobs/book.ts';
import type { JobFiles } from '#transfer/jobs/files.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Examine } from '../http/exchange.ts';

export interface RestServices {
  /** As it is since the last reload. */
  readonly config: Config;
  readonly store: MailStore;
  readonly directory: Directory;
  /** The MTA's queue: what became of what was sent. */
  readonly queue: Queue;
  readonly views: ViewCache;
  /** Takes app passwords of the scope `rest`. */
  readonly auth: Authenticator;
  /** The same one as the listener's. */
  readonly examine: Examine;
  readonly coordination: Coordination;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Asks DNS anew: nothing is remembered from before. Absent where a server runs alone. */
  readonly resolver?: () => Pick<Resolver, 'txt'>;
  /** The whole peer, for admins; absent where a server runs alone. */
  readonly peer?: Pick<StatusRooms, 'supervisor' | 'usage'> & { figures(): Promise<string> };
  /** What takes its time: imports, exports, restores, moves. Absent where nobody does them. */
  readonly jobs?: {
    readonly book: JobBook;
    readonly files: JobFiles;
    /** There is something to do. */
    readonly begin: () => void;
  };
  /** Aborted when the process drains: what would last (events) ends then. */
  readonly draining: AbortSignal;
}
