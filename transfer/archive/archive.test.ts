import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { indexMessage } from '#mail/mime/indexer.ts';
import { systemRandom } from '#runtime/system.ts';
import { createAccount, findAccount } from '#store/accounts.ts';
import type { Account } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Mutation } from '#store/mutation.ts';
import { mailboxName } from '#store/names.ts';
import { makeSecret } from '#store/secret.ts';
import type { Access } from '#store/types.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { parseMessageEntry } from './message-entry.ts';
import { verifyArchive } from './read.ts';
import { restoreArchive } from './restore.ts';
import { writeArchive } from './write.ts';

const clock = { now: () => Date.UTC(2026, 10, 23) };

async function peer(domain: string) {
  const store = new MemoryStore({ clock, random: systemRandom });
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: domain });
  return {
    store,
    directory,
    random: systemRandom,
    clock,
    shards: 1,
    quota: 0,
    messageSize: Number.POSITIVE_INFINITY,
  };
}
type Peer = Awaited<ReturnType<typeof peer>>;

async function* once(bytes: Uint8Array, size = 70_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function commit({ store }: Peer, access: Access, ...mutations: Mutation[]) {
  const id = newId('commit', systemRandom);
  const answer = await store.commit({ owner: access.owner, actor: access.owner, id, mutations });
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer;
}

async function add(to: Peer, access: Access, mailbox: string, text: string, flags: string[], prefix = '') {
  const body = await to.store.stage(access.owner, once(Buffer.from(text)));
  const index = indexMessage(Buffer.from(text));
  const internalDate = { time: Date.UTC(2020, 1, 2, 3, 4, 5), zone: -330 };
  const message = { id: newId('message', systemRandom), body, prefix: Buffer.from(prefix), index, internalDate };
  await commit(to, access, { type: 'add-message', mailbox, message, flags });
}

/** An account with everything that an archive has to keep. */
const RULES = {
  filters: [{ id: 'f1', name: 'to work', enabled: true, when: { from: 'x@' }, then: { mailbox: 'work' } }],
  autoreply: { enabled: true, text: 'Away.', until: 1_800_000_000_000, days: 3 },
  senders: { allow: ['@beta.test'], block: ['.far.test'] },
};

async function filled(): Promise<{ from: Peer; account: Account; access: Access }> {
  const from = await peer('alpha.test');
  const owner = await createAccount(from, 'alice@alpha.test', await makeSecret('secret'));
  const access = { owner, viewer: owner };
  const { mailboxes } = await from.store.mailboxes(access);
  const [inbox, sent, trash] = ['INBOX', 'Sent', 'Trash'].map((name) => mailboxes.find((one) => one.name === name)!.id);
  await commit(from, access, { type: 'create-mailbox', id: 'work', name: 'Work/Grüße & ..' });
  await add(from, access, inbox!, 'Message-ID: <1@x>\r\n\r\nHello\r\n', ['\\Seen', 'Work'], 'Return-Path: <a@b>\r\n');
  await add(from, access, inbox!, `Subject: large\r\n\r\n${randomBytes(300_000).toString('base64')}`, ['\\Flagged']);
  await add(from, access, inbox!, 'In-Reply-To: <1@x>\r\n\r\nbare\nlines and no end', []);
  await add(from, access, sent!, 'In-Reply-To: <1@x>\r\n\r\nsent\r\n', ['\\Seen']);
  await commit(from, access, { type: 'copy', from: inbox!, uids: [[1, 2]], to: 'work' });
  await commit(from, access, { type: 'copy', from: inbox!, uids: [[1, 1]], to: inbox! });
  await add(from, access, inbox!, 'Subject: goes\r\n\r\n', []);
  await commit(
    from,
    access,
    { type: 'expunge', mailbox: inbox!, uids: [[5, 5]], onlyDeleted: false },
    { type: 'move', from: inbox!, uids: [[3, 3]], to: trash! },
    { type: 'subscribe', name: 'Gone', subscribed: true },
    { type: 'subscribe', name: 'Junk', subscribed: false },
    { type: 'set-quota', bytes: 5_000_000 },
    { type: 'put-record', kind: 'import', id: 'x-1-1', value: '[]' },
  );
  const forward = { targets: ['a@beta.test'], keep: true };
  await from.directory.change({ type: 'set-forward', id: owner, forward });
  await from.directory.change({ type: 'set-autoreply', id: owner, autoreply: RULES.autoreply });
  await from.directory.change({ type: 'set-filters', id: owner, filters: RULES.filters });
  await from.directory.change({ type: 'set-senders', id: owner, senders: RULES.senders });
  await from.directory.change({ type: 'add-alias', address: 'al@alpha.test', targets: ['alice@alpha.test'] });
  return { from, account: (await findAccount(from.directory, 'alice@alpha.test'))!, access };
}

/** Everything that a client can see, but modseqs. */
async function picture({ store }: Peer, access: Access) {
  const { mailboxes, subscribed } = await store.mailboxes(access);
  const all = [];
  for (const { highestModseq: _, createdModseq: __, ...mailbox } of mailboxes) {
    const { uids, flags, flagSets } = await store.snapshot(access, mailbox.id);
    const rows = [];
    const columns = { envelope: true, parts: true, headers: true, bodystructure: true, preview: true };
    for await (const batch of store.messages(access, mailbox.id, [[1, 9999]], columns)) {
      for (const row of batch) {
        const content = Buffer.concat(await Array.fromAsync(store.content(access, mailbox.id, row.uid, 0, row.size)));
        rows.push({
          ...row,
          content: content.toString('latin1'),
          flags: flagSets[flags[uids.indexOf(row.uid)]!]!.toSorted(),
        });
      }
    }
    all.push({ mailbox, rows });
  }
  const { usedBytes, usedMessages, quotaBytes } = await store.accountState(access);
  const threads = await store.threadMessages(access, [all[0]!.rows[0]?.thread ?? '']);
  return {
    all: all.sort((a, b) => (a.mailbox.name < b.mailbox.name ? -1 : 1)),
    subscribed: subscribed.toSorted(),
    state: { usedBytes, usedMessages, quotaBytes },
    threads: threads.length,
  };
}

const archiveOf = async ({ from, account }: { from: Peer; account: Account }): Promise<Buffer> =>
  buffer(writeArchive(from, account, { secret: (await from.directory.secret(account.id))! }));

describe('an archive', () => {
  test('brings an account back with everything that clients know it by', async () => {
    const source = await filled();
    const file = await archiveOf(source);
    const to = await peer('beta.test');
    await to.directory.change({ type: 'add-domain', name: 'alpha.test' });
    const done = await restoreArchive(to, once(file), { address: 'bob@beta.test' });
    assert.deepEqual(
      { ...done, octets: 0 },
      {
        address: 'bob@beta.test',
        from: 'alice@alpha.test',
        messages: 7,
        octets: 0,
        left: [],
      },
    );
    const account = (await findAccount(to.directory, 'bob@beta.test'))!;
    const access = { owner: account.id, viewer: account.id };
    assert.deepEqual(await picture(to, access), await picture(source.from, source.access));
    assert.equal(account.state, 'active');
    assert.deepEqual(account.forward, { targets: ['a@beta.test'], keep: true });
    const { filters, autoreply, senders } = (await to.directory.account(account.id))!;
    assert.deepEqual({ filters, autoreply, senders }, RULES);
    assert.deepEqual(
      (await to.directory.aliases()).map(({ address, targets }) => [address, targets]),
      [['al@alpha.test', ['bob@beta.test']]],
    );
    assert.equal((await to.directory.authenticate('bob@beta.test', 'secret'))?.account, account.id);
    assert.equal((await to.store.record(access, 'import', 'x-1-1'))?.value, '[]');
    await assert.rejects(restoreArchive(to, once(file), { address: 'bob@beta.test' }), /there is an account/);
  });

  test('says nothing of where mail came from that this peer had found out', async () => {
    const source = await filled();
    const { mailboxes } = await source.from.store.mailboxes(source.access);
    const { id } = mailboxes.find(({ name }) => name === 'Archive') ?? mailboxes[0]!;
    const verdict = 'Authentication-Results: mx.beta.test; dkim=pass\r\n';
    await add(source.from, source.access, id, 'Subject: x\r\n\r\n', [], `Return-Path: <a@b>\r\n${verdict}`);
    const to = await peer('beta.test');
    await restoreArchive(to, once(await archiveOf(source)), { address: 'bob@beta.test' });
    const owner = (await findAccount(to.directory, 'bob@beta.test'))!.id;
    const access = { owner, viewer: owner };
    const prefixes = new Map<string, number>();
    for await (const batch of to.store.messages(access, id, [[1, 9999]], { rawHeader: true })) {
      for (const row of batch) prefixes.set(Buffer.from(row.rawHeader!).toString(), row.prefixLength);
    }
    assert.equal(prefixes.get(`Return-Path: <a@b>\r\n${verdict}Subject: x\r\n\r\n`), 0);
  });

  test('is compressed or not, and other programs open it', async (t) => {
    const source = await filled();
    const file = await archiveOf(source);
    for (const [packed, size] of [
      [gzipSync(file), 1000],
      [zstdCompressSync(file), 100_000],
      [file, 7],
    ] as const) {
      const { end, manifest } = await verifyArchive(once(packed, size));
      assert.deepEqual([end.messages, manifest.account.address], [7, 'alice@alpha.test']);
    }
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'a.tar'), file);
    const listed = spawnSync('tar', ['-tf', join(folder, 'a.tar')], { encoding: 'utf8', env: { LC_ALL: 'C.UTF-8' } });
    assert.equal(listed.status, 0, listed.stderr);
    assert.ok(listed.stdout.includes('mail/INBOX/1.eml\n') && listed.stdout.includes('mail/Work/'), listed.stdout);
  });

  test('without a password in it wants one', async () => {
    const { from, account } = await filled();
    const file = await buffer(writeArchive(from, account));
    assert.ok(!file.includes('argon2'));
    const to = await peer('beta.test');
    await assert.rejects(restoreArchive(to, once(file), { address: 'bob@beta.test' }), /no password/);
    const secret = await makeSecret('new');
    const done = await restoreArchive(to, once(file), { address: 'bob@beta.test', secret });
    assert.deepEqual(done.left, ['al@alpha.test']);
    assert.ok(await to.directory.authenticate('bob@beta.test', 'new'));
  });

  test('that was damaged anywhere, or cut short anywhere, is refused and leaves nothing', async () => {
    const file = await archiveOf(await filled());
    const to = await peer('beta.test');
    const tryOne = async (bytes: Buffer, what: string): Promise<void> => {
      await assert.rejects(verifyArchive(once(bytes)), { name: 'MailError' }, what);
      await assert.rejects(restoreArchive(to, once(bytes), { address: 'bob@beta.test' }), { name: 'MailError' }, what);
      assert.deepEqual(await to.directory.accounts(), [], what);
    };
    const body = file.indexOf('Hello');
    const contents = file.lastIndexOf('peerpost-end.json');
    for (const at of [
      body,
      body + 300_000,
      file.indexOf('PEERPOST.flags') + 16,
      file.indexOf('alpha.test'),
      contents - 5000,
    ]) {
      const bytes = Buffer.from(file);
      bytes[at]! ^= 1;
      await tryOne(bytes, `octet ${at}`);
    }
    for (const end of [0, 100, 512, 5000, body, contents, contents + 400]) {
      await tryOne(file.subarray(0, end), `cut at ${end}`);
    }
  });
});

test('what an archive says is not believed where it would end a line of IMAP or fill the memory', () => {
  const pax = {
    'PEERPOST.mailbox': 'f1',
    'PEERPOST.uid': '1',
    'PEERPOST.message': 'm1',
    'PEERPOST.thread': 't1',
    'PEERPOST.flags': '\\Seen $Forwarded',
    'PEERPOST.date': '0 0',
    'PEERPOST.saved': '0',
    'PEERPOST.prefix': '0',
    'PEERPOST.crc32': '00000000',
  };
  const read = (change: Record<string, string>) =>
    parseMessageEntry({ name: 'x', size: 50_000_000, pax: { ...pax, ...change }, content: once(Buffer.alloc(0)) });
  assert.deepEqual(read({}).flags, ['\\Seen', '$Forwarded']);
  for (const flag of ['a\r\n*', 'a)', '(', '"', '{5}', '\\', '\\a\\b', 'é', 'x'.repeat(300)]) {
    assert.throws(() => read({ 'PEERPOST.flags': flag }), { failure: 'bad-request' }, flag);
  }
  assert.throws(() => read({ 'PEERPOST.prefix': '40000000' }), { failure: 'bad-request' });
  for (const name of ['a\r\nb', 'a\0', 'x/y\n']) assert.equal(mailboxName(name), undefined);
});
