/** The gateway: what mail clients talk to. It reads the shards itself and sends what changes them to their writers (STORE.md §2). */
import { join } from 'node:path';
import type { Config } from '#config/config.ts';
import { MailError } from '#mail/failure.ts';
import { runProgram } from '#runtime/program.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import type { Program, ProgramContext } from '#runtime/service.ts';
import type { AppScope, Directory } from '#store/directory.ts';
import { openDirectory } from '#store/sqlite/directory.ts';
import { openQueue } from '#store/sqlite/queue.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { shardUsage } from '#store/sqlite/usage.ts';
import { LARGE_MAILBOX, type MailStore } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { ViewCache } from '#store/view-cache.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import { ImapListener, type ImapListenerSettings } from './imap/listener.ts';
import { rehearse } from './imap/rehearsal.ts';
import { Pop3Listener, type Pop3ListenerSettings } from './pop3/listener.ts';
import { startWeb } from './web.ts';

runProgram('imap-gateway', startGateway);

/** Before login everything has to happen within it. */
const LOGIN_TIMEOUT_MS = 120_000;
/** RFC 1939 §3: at least ten minutes. */
const POP3_IDLE_MS = 600_000;
const POP3_DRAIN_MS = 3_000;
/** Middle boxes forget connections that say nothing for some minutes. */
const IDLE_KEEP_ALIVE_MS = 110_000;
const BAD_COMMANDS = 20;

interface Rooms {
  readonly store: MailStore;
  readonly directory: Directory;
  readonly views: ViewCache;
}

async function startGateway(context: ProgramContext): Promise<Program> {
  const { config, clock, log, random } = context;
  const { data } = config;
  const rpc = createRpcClient({ connect: join(data, 'run', 'directory.sock') });
  const directory = openDirectory({ data, clock, rpc });
  const queueRpc = createRpcClient({ connect: join(data, 'run', 'queue.sock') });
  const queue = openQueue({ data, clock, rpc: queueRpc });
  const locate = async (id: AccountId): Promise<number> => {
    const account = await directory.account(id);
    if (account === undefined) throw new MailError('no-such-account', 'No such account');
    return account.shard;
  };
  const shards = config.store.shards;
  const store = openMailStore({
    data,
    shards,
    locate,
    log,
    clock,
    random,
    largestBody: config.limits.messageSize,
  });
  const samples = await store.warm();
  const rooms: Rooms = { store, directory, views: new ViewCache({ store, clock, log }) };
  const { coordination } = context;
  const secureContext = (): ReturnType<typeof context.secureContext> => context.secureContext();
  const close = async (): Promise<void> => {
    await rooms.views.close();
    await store.close();
    await Promise.all([directory.close(), queue.close()]);
    await Promise.all([rpc.close(), queueRpc.close()]);
  };
  let closed: Promise<void> | undefined;
  const mayStay = async (id: AccountId): Promise<boolean> => {
    const account = await directory.account(id);
    return account?.state === 'active' && !account.suspended && account.moved === undefined;
  };
  const around = { coordination, secureContext, metrics: context.metrics, mayStay };
  const imapSettings = settings(context, rooms, config);
  const imap = new ImapListener(around, imapSettings);
  const pop3 = new Pop3Listener(around, pop3Settings(context, rooms, config));
  const web = await startWeb(
    context,
    { ...rooms, queue, usage: () => shardUsage(data, config.store.shards) },
    authenticator(context, directory, config, 'rest'),
  );
  for (const sample of samples.slice(0, 1)) {
    const stage = { ...sample, path: join(data, 'run', `imap-${process.pid}.sock`) };
    const refused = await rehearse(around, imapSettings, stage);
    if (refused.length > 0) log.warn({ refused: refused[0] }, 'the rehearsal went wrong');
  }
  return {
    accept(listener, socket) {
      if (listener === 'imap' || listener === 'imaps') return imap.accept(listener, socket);
      if (listener === 'pop3' || listener === 'pop3s') return pop3.accept(listener, socket);
      if (listener === 'http' || listener === 'https') return web.listener.accept(listener, socket);
      log.error({ listener }, 'a connection for a listener that the gateway does not serve');
      socket.destroy();
    },
    async reload(changed) {
      imap.configure(settings(context, rooms, changed));
      pop3.configure(pop3Settings(context, rooms, changed));
      await web.reload(changed, authenticator(context, directory, changed, 'rest'));
    },
    async drain(deadlineMs, replaced) {
      const sessions = [imap.drain(deadlineMs, replaced), pop3.drain(deadlineMs, replaced)];
      await Promise.all([...sessions, web.drain(deadlineMs, replaced)]);
      closed ??= close();
      await closed;
    },
  };
}

function settings(context: ProgramContext, rooms: Rooms, config: Config): ImapListenerSettings {
  const { clock, log, random } = context;
  const { exemptNetworks, connectionsPerAddress, idleTimeout, messageSize } = config.limits;
  const auth = authenticator(context, rooms.directory, config, 'imap');
  return {
    connectionsPerAddress,
    channelBinding: config.login.channelBinding,
    exemptNetworks,
    services: {
      hostname: config.hostname,
      ...rooms,
      auth,
      clock,
      random,
      log,
      limits: {
        messageSize,
        idleTimeout,
        loginTimeout: LOGIN_TIMEOUT_MS,
        badCommands: BAD_COMMANDS,
        idleKeepAlive: IDLE_KEEP_ALIVE_MS,
        largeMailbox: LARGE_MAILBOX,
      },
    },
  };
}

function pop3Settings(context: ProgramContext, rooms: Rooms, config: Config): Pop3ListenerSettings {
  const { clock, log, random, coordination } = context;
  const { exemptNetworks, connectionsPerAddress } = config.limits;
  return {
    connectionsPerAddress,
    channelBinding: config.login.channelBinding,
    exemptNetworks,
    services: {
      hostname: config.hostname,
      store: rooms.store,
      auth: authenticator(context, rooms.directory, config, 'pop3'),
      coordination,
      clock,
      random,
      log,
      limits: {
        loginTimeout: LOGIN_TIMEOUT_MS,
        idleTimeout: POP3_IDLE_MS,
        drainTimeout: POP3_DRAIN_MS,
        badCommands: BAD_COMMANDS,
      },
      policy: config.pop3,
    },
  };
}

function authenticator(
  context: ProgramContext,
  directory: Directory,
  config: Config,
  use: AppScope,
): ReturnType<typeof createAuthenticator> {
  const { clock, log, random, coordination, metrics } = context;
  const { authFailuresPerMinute, exemptNetworks } = config.limits;
  const failuresPerMinute = authFailuresPerMinute;
  return createAuthenticator({
    directory,
    use,
    coordination,
    clock,
    random,
    log,
    failuresPerMinute,
    metrics,
    exemptNetworks,
  });
}
