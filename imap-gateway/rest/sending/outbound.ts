/** What a worker of the gateway does by itself, put together: while it is the leader it drains outboxes and posts webhooks. */
import { join } from 'node:path';
import type { Config } from '#config/config.ts';
import type { ProgramContext } from '#runtime/service.ts';
import type { Directory } from '#store/directory.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import type { ViewCache } from '#store/view-cache.ts';
import { AutomaticDrainer } from '../../automatic/drainer.ts';
import { Dispatcher } from '../webhooks/dispatcher.ts';
import { Lanes } from '../webhooks/lanes.ts';
import { poster } from '../webhooks/post.ts';
import { Drainer } from './drainer.ts';
import { type Duty, lead } from './leader.ts';
import { transmitter } from './transmit.ts';

export interface OutboundRooms {
  readonly store: MailStore;
  readonly directory: Directory;
  readonly queue: Queue;
  readonly views: ViewCache;
}

export interface Outbound {
  stop(): Promise<void>;
}

/** @param config as it is now. */
export function startOutbound(context: ProgramContext, rooms: OutboundRooms, config: () => Config): Outbound {
  const { coordination, clock, log, random } = context;
  const { data, hostname } = context.config;
  const mta = transmitter({ path: join(data, 'run', 'submission.sock'), hostname, clock, random, log });
  const stop = new AbortController();
  const expire = (): number => config().delivery.expire;
  const services = { ...rooms, transmit: mta.transmit, clock, random, log, hostname, expire };
  const post = poster({ clock, allowed: () => config().rest.webhookNetworks });
  const isOpen = async (owner: AccountId): Promise<boolean> => {
    const account = await rooms.directory.account(owner);
    return account?.state === 'active' && !account.suspended;
  };
  const webhooks = { store: rooms.store, views: rooms.views, clock, random, log, post, isOpen };
  const duties = (): Duty[] => [
    draining(new Drainer(services)),
    new AutomaticDrainer(services),
    new Dispatcher({ ...webhooks, lanes: new Lanes() }),
  ];
  const leading = lead({ store: rooms.store, coordination, clock, log, signal: stop.signal, duties });
  return {
    async stop() {
      stop.abort();
      await leading;
      mta.close();
    },
  };
}

export function draining(drainer: Drainer): Duty {
  return {
    begin: () => drainer.start(),
    noticed({ account, types }) {
      if (types.includes('outbox')) void drainer.watchOver(account);
    },
    end: () => drainer.stop(),
  };
}
