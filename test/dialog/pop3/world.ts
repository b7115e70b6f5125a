/**
 * A POP3 server in memory: store, directory and clock, with as many connections as a dialog opens. Letters of its own in scripts:
 * - `M: alice NAME…` delivers messages of `MESSAGES` into alice's INBOX;
 * - `X: alice expunge UID`, `X: alice copy UID`, `X: alice move UID Archive` is what happens there by another protocol; `X: alice back UID` moves from Archive to INBOX;
 * - `V: alice UID UID/Seen …` says what is in INBOX, with the flag \Seen;
 * - `P: in-use=snapshot` sets a policy for what comes after, `P: failures=3` counts failed logins from where clients in the clear come.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { indexMessage } from '#mail/mime/indexer.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { createLoginGuard } from '#runtime/login-guard.ts';
import { createAccount } from '#store/accounts.ts';
import type { AccountSecret } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Mutation } from '#store/mutation.ts';
import { makeSecret } from '#store/secret.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId, MailboxId } from '#store/types.ts';
import { FakeClock } from '#test/support/clock.ts';
import { type LogEntry, recordingLog } from '#test/support/log.ts';
import { connectionPair } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import { createAuthenticator } from '../../../imap-gateway/auth/authenticator.ts';
import type { Pop3Policy, Pop3Services } from '../../../imap-gateway/pop3/command.ts';
import { commandTable } from '../../../imap-gateway/pop3/commands/table.ts';
import { serveConnection } from '../../../imap-gateway/pop3/driver.ts';
import type { Arrival, World } from '../script.ts';
import { MESSAGES } from './messages.ts';

export const PASSWORD = 'secret word';
const USERS = ['alice', 'carol', 'jörg'] as const;

export interface Pop3World extends World {
  readonly services: Pop3Services;
  readonly logged: readonly LogEntry[];
  readonly store: MailStore;
  connect(arrival: Arrival, channelBinding?: boolean): ReturnType<World['connect']>;
  deliver(user: string, ...contents: readonly (string | Buffer)[]): Promise<void>;
  commit(user: string, ...mutations: readonly Mutation[]): Promise<void>;
  inbox(user: string): Promise<MailboxId>;
  account(user: string): AccountId;
  close(): Promise<void>;
}

const POLICY: Pop3Policy = { inUse: 'refuse', markSeen: false, loginDelay: 0, expire: 'never' };

let secret: Promise<AccountSecret> | undefined;

/** @param wrap puts faults around the store. */
export async function createWorld(wrap: (store: MailStore) => MailStore = (store) => store): Promise<Pop3World> {
  const clock = new FakeClock();
  const random = fakeRandom(7);
  const logged: LogEntry[] = [];
  const log = recordingLog(logged);
  const store = wrap(new MemoryStore({ clock, random }));
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: 'alpha.test' });
  secret ??= makeSecret(PASSWORD);
  const accounts = new Map<string, AccountId>();
  for (const user of USERS) {
    const made = await createAccount(
      { directory, store, random, shards: 1, quota: 0 },
      `${user}@alpha.test`,
      await secret,
    );
    accounts.set(user, made);
  }
  const coordination = new LocalCoordination(clock);
  const authentication = { directory, coordination, clock, random, log, failuresPerMinute: 3 };
  const auth = createAuthenticator({ ...authentication, use: 'pop3', exemptNetworks: ['127.0.0.0/8'] });
  const limits = { loginTimeout: 60_000, idleTimeout: 600_000, drainTimeout: 3_000, badCommands: 10 };
  let services: Pop3Services = {
    hostname: 'pop.alpha.test',
    store,
    auth,
    coordination,
    clock,
    random,
    log,
    limits,
    policy: POLICY,
  };
  const account = (user: string): AccountId => accounts.get(user) ?? assert.fail(`no ${user}`);
  const mailbox = async (user: string, name: string): Promise<MailboxId> => {
    const owner = account(user);
    const found = await store.mailboxNamed({ owner, viewer: owner }, name);
    return found?.id ?? assert.fail(`no ${name}`);
  };
  const world: Pop3World = {
    clock,
    store,
    logged,
    account,
    get services() {
      return services;
    },
    connect(arrival, channelBinding = false) {
      const remote = { address: arrival === 'loopback' ? '127.0.0.1' : '192.0.2.7', port: 40_000 };
      const { client, server } = connectionPair({ clock, remote, tls: arrival === 'tls' });
      const ended = serveConnection(server, { services, table: commandTable, canStartTls: true, channelBinding, log });
      return { client, server, ended };
    },
    logIn: (user) => [
      [`USER ${user}@alpha.test`, '+OK Now the password'],
      [`PASS ${PASSWORD}`, '+OK {{\\d+ messages .*}}'],
    ],
    inbox: (user) => mailbox(user, 'INBOX'),
    async deliver(user, ...contents) {
      const to = await mailbox(user, 'INBOX');
      await world.commit(user, ...contents.map((content) => added(to, Buffer.from(content), random)));
    },
    async commit(user, ...mutations) {
      const owner = account(user);
      const answer = await store.commit({ owner, actor: owner, id: newId('commit', random), mutations });
      assert.ok(answer.ok, JSON.stringify(answer));
    },
    async act(letter, text) {
      const [user = '', ...words] = text.split(' ');
      if (letter === 'M') return world.deliver(user, ...words.map((word) => MESSAGES[word] ?? assert.fail(word)));
      if (letter === 'X') return elsewhere(world, mailbox, user, words);
      if (letter === 'V') return assert.equal(await contents(world, user), words.join(' '));
      if (letter !== 'P') assert.fail('not understood');
      if (text.startsWith('failures=')) return fail(coordination, Number(text.slice('failures='.length)));
      services = { ...services, policy: { ...services.policy, ...policyOf(text) } };
    },
    close: () => store.close(),
  };
  return world;
}

function added(mailbox: MailboxId, data: Buffer, random: ReturnType<typeof fakeRandom>): Mutation {
  const rest = { length: data.length, crc: crc32(data), codec: 'identity', key: null, data } as const;
  const body = { id: newId('body', random), ...rest };
  const internalDate = { time: Date.UTC(2026, 5, 1), zone: 0 };
  const message = {
    id: newId('message', random),
    body,
    prefix: new Uint8Array(0),
    index: indexMessage(data),
    internalDate,
  };
  return { type: 'add-message', mailbox, message, flags: [] };
}

async function elsewhere(
  world: Pop3World,
  mailbox: (user: string, name: string) => Promise<MailboxId>,
  user: string,
  [what, uid, to = 'INBOX']: readonly string[],
): Promise<void> {
  const inbox = await mailbox(user, 'INBOX');
  const uids = [[Number(uid), Number(uid)]] as const;
  if (what === 'expunge') return world.commit(user, { type: 'expunge', mailbox: inbox, uids, onlyDeleted: false });
  if (what === 'copy') return world.commit(user, { type: 'copy', from: inbox, uids, to: inbox });
  if (what === 'move') return world.commit(user, { type: 'move', from: inbox, uids, to: await mailbox(user, to) });
  assert.equal(what, 'back');
  await world.commit(user, { type: 'move', from: await mailbox(user, 'Archive'), uids, to: inbox });
}

async function contents(world: Pop3World, user: string): Promise<string> {
  const owner = world.account(user);
  const access = { owner, viewer: owner };
  const { uids, flags, flagSets } = await world.store.snapshot(access, await world.inbox(user));
  return Array.from(uids, (uid, i) => (flagSets[flags[i]!]?.includes('\\Seen') ? `${uid}/Seen` : `${uid}`)).join(' ');
}

/** As if somebody had failed to log in so often from where clients come. */
async function fail(coordination: LocalCoordination, times: number): Promise<void> {
  const guard = createLoginGuard(coordination, times);
  for (let i = 0; i < times; i++) await guard.failed('192.0.2.7', `user${i}`);
}

function policyOf(text: string): Partial<Pop3Policy> {
  const [name, value] = text.split('=');
  if (name === 'in-use') return { inUse: value as Pop3Policy['inUse'] };
  if (name === 'mark-seen') return { markSeen: value === 'true' };
  if (name === 'login-delay') return { loginDelay: Number(value) };
  if (name === 'expire') return { expire: value as Pop3Policy['expire'] };
  return assert.fail(text);
}
