/** The program as the supervisor runs it: a process of its own, SQLite, real sockets, an LMTP client that is not this room's. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Config } from '#config/config.ts';
import { parseConfig } from '#config/parse.ts';
import { createRpcClient } from '#runtime/rpc/client.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import { type Supervisor, startSupervisor } from '#runtime/supervisor/supervisor.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { createAccount } from '#store/accounts.ts';
import { makeSecret } from '#store/secret.ts';
import { openDirectory, openDirectoryWriter } from '#store/sqlite/directory.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog, silentLog } from '#test/support/log.ts';
import { withoutReturnPath } from '#test/support/trace-fields.ts';

const ADDRESS = 'bob@beta.test';
const clock = systemClock;
const random = systemRandom;

interface Running {
  readonly config: Config;
  readonly account: AccountId;
  readonly log: ReturnType<typeof recordingLog>;
  supervisor(): Promise<Supervisor>;
  deliver(messages: readonly Buffer[], ids?: readonly string[]): Promise<number[]>;
  /** Prefix + body of everything in INBOX. */
  inbox(): Promise<Buffer[]>;
}

async function setUp(t: TestContext, workers = 1): Promise<Running> {
  const folder = temporaryFolder(t);
  const log = recordingLog();
  const text = `hostname = "mx.beta.test"\nworkers = ${workers}\n[log]\nlevel = "warn"\n[store]\nshards = 2\n[listeners]\nsmtp = "off"\n`;
  const config = parseConfig(text, { file: join(folder, 'peerpost.toml'), cores: 1 });
  const account = await makeAccount(config);
  return {
    config,
    account,
    log,
    async supervisor() {
      const entry = join(import.meta.dirname, 'main.ts');
      const programs = [{ name: 'mda' as const, entry }];
      const running = await startSupervisor({ config, programs, only: 'mda', version: '0', log, clock });
      t.after(() => running.stop(5_000));
      await running.ready;
      return running;
    },
    deliver: (messages, ids) => deliver(config.listeners.lmtpUnix, messages, ids),
    inbox: () => withStore(config, account, (store) => contents(store, account)),
  };
}

async function makeAccount(config: Config): Promise<AccountId> {
  const directory = await openDirectoryWriter({ data: config.data, clock });
  const locate = async (id: AccountId): Promise<number> => (await directory.account(id))?.shard ?? 0;
  const shards = config.store.shards;
  const store = openMailStore({ data: config.data, shards, locate, log: silentLog, clock, own: true });
  await directory.change({ type: 'add-domain', name: 'beta.test' });
  const rooms = { directory, store, random, shards, quota: 0 };
  const id = await createAccount(rooms, ADDRESS, await makeSecret('x'));
  await store.close();
  await directory.close();
  return id;
}

async function deliver(path: string, messages: readonly Buffer[], ids?: readonly string[]): Promise<number[]> {
  const client = await SmtpClient.open({ path }, { clock, random, protocol: 'lmtp', hostname: 'mta.test' });
  const results = await Promise.all(
    messages.map((content, i) =>
      client.send({
        reversePath: { localPart: 'alice', domain: 'alpha.test' },
        recipients: [{ address: { localPart: 'bob', domain: 'beta.test' } }],
        bodyType: '8bitmime',
        smtputf8: false,
        size: content.length,
        content,
        ...(ids === undefined ? {} : { mailParameters: [`XDELIVERYID=${ids[i]}`] }),
      }),
    ),
  );
  await client.quit();
  return results.map(({ recipients: [first] }) => (first?.kind === 'reply' ? first.reply.code : 0));
}

async function withStore<T>(config: Config, account: AccountId, use: (store: MailStore) => Promise<T>): Promise<T> {
  const { data } = config;
  const locate = async (): Promise<number> => shardOf(data, account);
  const store = openMailStore({ data, shards: config.store.shards, locate, log: silentLog, clock });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function shardOf(data: string, account: AccountId): Promise<number> {
  const rpc = createRpcClient({ connect: join(data, 'run', 'directory.sock') });
  const directory = openDirectory({ data, clock, rpc });
  const shard = (await directory.account(account))?.shard;
  await directory.close();
  await rpc.close();
  return shard ?? 0;
}

async function contents(store: MailStore, account: AccountId): Promise<Buffer[]> {
  const access = { owner: account, viewer: account };
  const inbox = (await store.mailboxes(access)).mailboxes.find(({ name }) => name === 'INBOX')?.id ?? '';
  const found: Buffer[] = [];
  for await (const rows of store.messages(access, inbox, [[1, 0xffffffff]], {})) {
    for (const { uid, size } of rows) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of store.content(access, inbox, uid, 0, size)) chunks.push(chunk);
      found.push(Buffer.concat(chunks));
    }
  }
  return found;
}

const PREFIX = 'Return-Path: <alice@alpha.test>\r\nDelivered-To: bob@beta.test\r\n';

function corpus(): Buffer[] {
  const root = join(import.meta.dirname, '../test/fixture/corpus');
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((n) => /\.(?:eml|msg|txt)$/.test(n));
  return names.sort().map((name) => {
    const text = readFileSync(join(root, name), 'latin1').replace(/\r?\n/g, '\r\n');
    return Buffer.from(text, 'latin1');
  });
}

/** What LMTP must refuse: bare CR, NUL, lines over the limit. */
const isRefused = (message: Buffer): boolean => /\r(?!\n)|\0|[^\r\n]{16384}/.test(message.toString('latin1'));

test('the corpus goes in by LMTP and comes out octet for octet but for old Return-Paths, behind its trace fields', async (t) => {
  const running = await setUp(t);
  await running.supervisor();
  const messages = corpus();
  const codes = await running.deliver(messages);
  assert.deepEqual(
    codes,
    messages.map((message) => (isRefused(message) ? 550 : 250)),
  );
  const expected = messages.filter((message) => !isRefused(message));
  const found = await running.inbox();
  assert.equal(found.length, expected.length);
  const bodies = new Set(found.map((content) => content.toString('latin1')));
  for (const message of expected) assert.ok(bodies.has(PREFIX + withoutReturnPath(message).toString('latin1')));
});

test('two workers share the shards; a repeat after a restart makes no second copy', async (t) => {
  const running = await setUp(t, 2);
  const first = await running.supervisor();
  const message = Buffer.from('Subject: once\r\n\r\ntext');
  const large = Buffer.from(`Subject: large\r\n\r\n${'0123456789abcdef\r\n'.repeat(5_000)}`);
  for (let i = 0; i < 4; i += 1) {
    assert.deepEqual(await running.deliver([message, large], ['d1', 'd2']), [250, 250]);
  }
  await first.stop(5_000);
  await running.supervisor();
  assert.deepEqual(await running.deliver([message, large], ['d1', 'd2']), [250, 250]);
  const found = await running.inbox();
  assert.deepEqual(
    found.map((content) => content.toString()),
    [PREFIX + message.toString(), PREFIX + large.toString()],
  );
});
