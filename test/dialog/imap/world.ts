/** A gateway in memory: store, directory, views and clock, with as many connections as a dialog opens. */

import type { Clock } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { createAccount } from '#store/accounts.ts';
import type { AccountSecret } from '#store/directory.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { makeSecret } from '#store/secret.ts';
import { LARGE_MAILBOX } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { ViewCache } from '#store/view-cache.ts';
import { FakeClock } from '#test/support/clock.ts';
import { type LogEntry, recordingLog } from '#test/support/log.ts';
import { connectionPair, type MemoryConnection } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import { createAuthenticator } from '../../../imap-gateway/auth/authenticator.ts';
import type { ImapServices } from '../../../imap-gateway/imap/command.ts';
import { commandTable } from '../../../imap-gateway/imap/commands/table.ts';
import { serveConnection } from '../../../imap-gateway/imap/driver.ts';
import type { Arrival } from '../script.ts';

export const PASSWORD = 'secret word';
export const USERS = ['alice@alpha.test', 'carol@alpha.test'] as const;

export interface World {
  readonly services: ImapServices;
  readonly coordination: Coordination;
  readonly accounts: ReadonlyMap<string, AccountId>;
  readonly logged: readonly LogEntry[];
  connect(
    arrival: Arrival,
    channelBinding?: boolean,
  ): {
    readonly client: MemoryConnection;
    readonly server: MemoryConnection;
    readonly ended: Promise<void>;
  };
  /** LOGIN, and the command behind the name. */
  logIn(text: string): readonly (readonly [command: string, answer: string])[];
  close(): Promise<void>;
}

let secret: Promise<AccountSecret> | undefined;

export async function createWorld(): Promise<World & { readonly clock: FakeClock }> {
  const clock = new FakeClock();
  return { ...(await createWorldOf(clock)), clock };
}

export async function createWorldOf(clock: Clock): Promise<World> {
  const random = fakeRandom(7);
  const logged: LogEntry[] = [];
  const log = recordingLog(logged);
  const store = new MemoryStore({ clock, random });
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: 'alpha.test' });
  secret ??= makeSecret(PASSWORD);
  const accounts = new Map<string, AccountId>();
  for (const [at, user] of USERS.entries()) {
    const quota = at === 0 ? 0 : 10_240;
    accounts.set(user, await createAccount({ directory, store, random, shards: 1, quota }, user, await secret));
  }
  const views = new ViewCache({ store, clock, log });
  const coordination = new LocalCoordination(clock);
  const services: ImapServices = {
    hostname: 'imap.alpha.test',
    store,
    views,
    directory,
    auth: createAuthenticator({
      directory,
      use: 'imap',
      coordination,
      clock,
      random,
      log,
      failuresPerMinute: 3,
      exemptNetworks: ['127.0.0.0/8'],
    }),
    clock,
    random,
    log,
    limits: {
      messageSize: 100_000,
      idleTimeout: 1_800_000,
      loginTimeout: 60_000,
      badCommands: 10,
      idleKeepAlive: 120_000,
      largeMailbox: LARGE_MAILBOX,
    },
  };
  return {
    services,
    coordination,
    accounts,
    logged,
    connect(arrival, channelBinding = false) {
      const remote = { address: arrival === 'loopback' ? '127.0.0.1' : '192.0.2.7', port: 40_000 };
      const { client, server } = connectionPair({ clock, remote, tls: arrival === 'tls' });
      const ended = serveConnection(server, { services, table: commandTable, canStartTls: true, channelBinding, log });
      return { client, server, ended };
    },
    logIn(text) {
      const [user = '', ...command] = text.split(' ');
      const login = `LOGIN ${user}@alpha.test "${PASSWORD}"`;
      const commands = command.length === 0 ? [login] : [login, command.join(' ')];
      return commands.map((each) => [`U ${each}`, 'U OK {{.*}}']);
    },
    async close() {
      await views.close();
      await store.close();
    },
  };
}
