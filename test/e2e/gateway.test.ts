/** MDA and gateway as processes of their own over SQLite: what LMTP delivers wakes an idling client, and nothing of a message changes on the way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import type { Config } from '#config/config.ts';
import { parseConfig } from '#config/parse.ts';
import type { BodyType } from '#mail/envelope.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import { type Supervisor, startSupervisor } from '#runtime/supervisor/supervisor.ts';
import { systemClock as clock, systemRandom as random } from '#runtime/system.ts';
import { createAccount } from '#store/accounts.ts';
import { makeSecret } from '#store/secret.ts';
import { openDirectoryWriter } from '#store/sqlite/directory.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import { freePorts } from '#test/support/ports.ts';

const USER = 'bob@beta.test';
const PASSWORD = 'secret word';

interface Running {
  readonly config: Config;
  readonly supervisor: Supervisor;
  readonly client: (secure?: boolean) => Promise<ImapFlow>;
  readonly deliver: (content: Buffer, bodyType?: BodyType) => Promise<number>;
}

async function start(t: TestContext): Promise<Running> {
  const folder = temporaryFolder(t);
  const [imap, imaps] = await freePorts(2);
  const text = `hostname = "mx.beta.test"\nworkers = 1\n[log]\nlevel = "warn"\n[store]\nshards = 1\n[listeners]\nsmtp = "off"\nimap = "127.0.0.1:${imap}"\nimaps = "127.0.0.1:${imaps}"\n`;
  const config = parseConfig(text, { file: join(folder, 'peerpost.toml'), cores: 1 });
  await makeAccount(config);
  const root = join(import.meta.dirname, '../..');
  const programs = (['mda', 'imap-gateway'] as const).map((name) => ({ name, entry: join(root, name, 'main.ts') }));
  const supervisor = await startSupervisor({ config, programs, version: '0', log: silentLog, clock });
  t.after(() => supervisor.stop(5_000));
  await supervisor.ready;
  return {
    config,
    supervisor,
    deliver: (content, bodyType) => deliver(config.listeners.lmtpUnix, content, bodyType),
    async client(secure = false) {
      const client = new ImapFlow({
        host: '127.0.0.1',
        port: (secure ? imaps : imap)!,
        secure,
        auth: { user: USER, pass: PASSWORD },
        tls: { rejectUnauthorized: false },
        logger: false,
      });
      t.after(() => client.close());
      await client.connect();
      return client;
    },
  };
}

async function makeAccount(config: Config): Promise<void> {
  const directory = await openDirectoryWriter({ data: config.data, clock });
  const locate = async (): Promise<number> => 0;
  const store = openMailStore({ data: config.data, shards: 1, locate, log: silentLog, clock, own: true });
  await directory.change({ type: 'add-domain', name: 'beta.test' });
  await createAccount({ directory, store, random, shards: 1, quota: 0 }, USER, await makeSecret(PASSWORD));
  await store.close();
  await directory.close();
}

async function deliver(path: string, content: Buffer, bodyType: BodyType = '8bitmime'): Promise<number> {
  const client = await SmtpClient.open({ path }, { clock, random, protocol: 'lmtp', hostname: 'mta.test' });
  const result = await client.send({
    reversePath: null,
    recipients: [{ address: { localPart: 'bob', domain: 'beta.test' } }],
    bodyType,
    smtputf8: false,
    size: content.length,
    content,
  });
  await client.quit();
  const [first] = result.recipients;
  return first?.kind === 'reply' ? first.reply.code : 0;
}

test('delivered mail wakes an idling client and is read back octet for octet', async (t) => {
  const { client, deliver: send } = await start(t);
  const watcher = await client(true);
  await watcher.mailboxOpen('INBOX');
  const small = Buffer.from('Subject: small\r\n\r\nbody\r\n');
  const large = Buffer.from(`Subject: large\r\n\r\n${'0123456789abcdef\r\n'.repeat(40_000)}`);
  for (const [at, content] of [small, large].entries()) {
    // Each FETCH ends the client's IDLE.
    void watcher.idle();
    const woken = once(watcher, 'exists').then(([event]: { count: number }[]) => ({ event, at: performance.now() }));
    assert.equal(await send(content), 250);
    const stored = performance.now();
    const { event, at: seen } = await woken;
    assert.equal(event?.count, at + 1);
    assert.ok(seen - stored < 1_000, `reported ${seen - stored} ms after the 250`);
    const message = await watcher.fetchOne(String(at + 1), { source: true, size: true, flags: true });
    assert.ok(message);
    const prefix = 'Return-Path: <>\r\nDelivered-To: bob@beta.test\r\n';
    assert.equal(message.source?.toString('latin1'), prefix + content.toString('latin1'));
    assert.equal(message.size, message.source?.length);
  }
});

test('RFC 3030, RFC 3516: binary content is delivered and read back octet for octet, small and large', async (t) => {
  const { client, deliver: send } = await start(t);
  const reader = await client();
  const every = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
  for (const [at, times] of [1, 1_000].entries()) {
    const inner = Buffer.concat(Array.from({ length: times }, () => every));
    const head = 'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n';
    assert.equal(await send(Buffer.concat([Buffer.from(head), inner]), 'binarymime'), 250);
    await reader.mailboxOpen('INBOX');
    const { source } = (await reader.fetchOne(String(at + 1), { source: true })) || {};
    assert.ok(source?.subarray(-inner.length).equals(inner));
    const { content } = await reader.download(String(at + 1), '1');
    const chunks: Uint8Array[] = [];
    for await (const chunk of content as AsyncIterable<Uint8Array>) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(inner));
  }
});

test('every kind of change goes through the writer in the other process', async (t) => {
  const { client } = await start(t);
  const one = await client();
  const large = `Subject: large\r\n\r\n${'x'.repeat(70)}\r\n`.padEnd(400_000, 'line of text\r\n');
  assert.ok(await one.append('INBOX', large, ['\\Flagged']));
  assert.ok(await one.append('INBOX', 'Subject: b\r\n\r\nb\r\n'));
  await one.mailboxOpen('INBOX');
  assert.ok(await one.messageFlagsAdd('1:2', ['\\Seen', '$Label1']));
  assert.deepEqual(await one.search({ keyword: '$Label1', flagged: true }), [1]);
  assert.deepEqual(await one.search({ body: 'line of text' }), [1]);
  assert.ok(await one.messageCopy('1', 'Archive'));
  assert.ok(await one.messageMove('2', 'Trash'));
  await one.mailboxCreate('a/b');
  await one.mailboxRename('a', 'c');
  for (const path of ['Archive', 'Trash']) {
    const status = await one.status(path, { messages: true });
    assert.ok(status);
    assert.equal(status.messages, 1);
  }
  const copy = await one.mailboxOpen('Archive').then(() => one.fetchOne('1', { source: true }));
  assert.ok(copy);
  assert.equal(copy.source?.toString(), large);
  assert.ok((await one.list()).some(({ path }) => path === 'c/b'));
});

test('a drained gateway says BYE', async (t) => {
  const { client, supervisor } = await start(t);
  const idler = await client();
  await idler.mailboxOpen('INBOX');
  void idler.idle();
  const closed = once(idler, 'close');
  await supervisor.stop(5_000);
  await closed;
});
