/** The gateway does what takes its time: imports, exports, restores and moves of accounts. */
import { join } from 'node:path';
import { suspendAccount } from '#admin/account-settings.ts';
import type { Config } from '#config/config.ts';
import { diskRoom, diskSpace } from '#runtime/disk-space.ts';
import type { ProgramContext } from '#runtime/service.ts';
import type { Directory } from '#store/directory.ts';
import type { MailStore } from '#store/store.ts';
import { JobBook } from '#transfer/jobs/book.ts';
import { JobFiles } from '#transfer/jobs/files.ts';
import { JobRunner } from '#transfer/jobs/runner.ts';
import type { RestServices } from './rest/services.ts';
import { guardedLookup } from './rest/webhooks/destination.ts';

export interface RunningJobs extends NonNullable<RestServices['jobs']> {
  /** What runs here goes on elsewhere. */
  stop(): Promise<void>;
}

export function startJobs(
  { coordination, clock, random, log }: ProgramContext,
  { store, directory }: { readonly store: MailStore; readonly directory: Directory },
  config: () => Config,
): RunningJobs {
  const { data } = config();
  const free = async (): Promise<number> => (await diskSpace(data)).free;
  const hasRoom = diskRoom({ free, clock, log, minimum: () => config().limits.minimumFree });
  const files = new JobFiles({ folder: join(data, 'transfer'), clock, hasRoom });
  const runner = new JobRunner({
    store,
    directory,
    coordination,
    clock,
    random,
    log,
    files,
    shards: config().store.shards,
    messageSize: () => config().limits.messageSize,
    lookup: () => guardedLookup(config().rest.webhookNetworks),
    suspend: (address, by) => suspendAccount({ directory, coordination }, address, by),
  });
  runner.begin();
  return {
    book: new JobBook({ store, directory, coordination, clock, random }),
    files,
    begin: () => runner.begin(),
    stop: () => runner.stop(),
  };
}
