/** imapflow drives every command that it knows, over STARTTLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { ImapFlow, type MailboxObject } from 'imapflow';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { trialMessages } from './messages.ts';

const COMMANDS =
  `append connect download downloadMany fetch fetchAll fetchOne getMailboxLock getQuota idle list listTree logout mailboxClose mailboxCreate
  mailboxDelete mailboxOpen mailboxRename mailboxSubscribe mailboxUnsubscribe messageCopy messageDelete messageFlagsAdd messageFlagsRemove messageFlagsSet
  messageMove noop search setFlagColor status`.split(/\s+/);

describe('imapflow', () => {
  let client: ClientPeer;
  let imap: ImapFlow;
  const tried = new Set<string>();
  const messages = trialMessages('flow', 14);

  before(async () => {
    client = await startClientPeer(['flo'], '[limits]\nquota = "1GB"');
    imap = noting(await connect(client), tried);
  });
  after(async () => {
    imap?.close();
    await client?.close();
  });

  test('mailboxes: create, list, rename, subscribe, status, quota, open, close, delete', async () => {
    assert.equal((await imap.mailboxCreate('Work')).created, true);
    assert.equal((await imap.mailboxCreate('Work')).created, false);
    await imap.mailboxCreate(['Work', 'Grüße & mehr']);
    await imap.mailboxRename(['Work', 'Grüße & mehr'], ['Work', '漢字']);
    assert.equal(await imap.mailboxSubscribe('Work/漢字'), true);
    const listed = await imap.list({ statusQuery: { messages: true } });
    const found = listed.find(({ path }) => path === 'Work/漢字');
    assert.equal(found?.subscribed, true);
    assert.equal(found?.status?.messages, 0);
    assert.equal(listed.find(({ path }) => path === 'Sent')?.specialUse, '\\Sent');
    assert.equal(await imap.mailboxUnsubscribe('Work/漢字'), true);
    const tree = await imap.listTree();
    const work = tree.folders?.find(({ path }) => path === 'Work');
    assert.deepEqual(
      work?.folders?.map(({ name }) => name),
      ['漢字'],
    );
    const quota = await imap.getQuota('INBOX');
    assert.ok(quota && (quota.storage?.limit ?? 0) > 0);
    assert.equal((await imap.mailboxOpen('Work', { readOnly: true })).readOnly, true);
    assert.equal(await imap.mailboxClose(), true);
    assert.equal((await imap.mailboxDelete('Work/漢字')).path, 'Work/漢字');
  });

  test('messages: append, fetch, download, search', async () => {
    for (const { raw, flags, date } of messages) {
      const appended = await imap.append('Work', raw, [...flags], date);
      assert.ok(appended);
      assert.ok(appended.uid);
      assert.ok(appended.uidValidity);
    }
    const status = await imap.status('Work', { messages: true, unseen: true, uidNext: true, highestModseq: true });
    assert.deepEqual(status && [status.messages, status.uidNext], [14, 15]);
    const lock = await imap.getMailboxLock('Work');
    try {
      assert.equal((imap.mailbox as MailboxObject).exists, 14);
      await imap.noop();
      await fetches(
        imap,
        messages.map(({ raw }) => raw),
      );
      await searches(imap);
    } finally {
      lock.release();
    }
  });

  test('messages: flags, copy, move, delete, while IDLE tells another connection', async () => {
    const lock = await imap.getMailboxLock('Work');
    const watcher = await connect(client);
    try {
      await watcher.mailboxOpen('Work');
      const idle = watcher.idle();
      const told = once(watcher, 'flags');
      assert.equal(await imap.messageFlagsSet('1', ['\\Seen', 'colour']), true);
      const [{ flags }] = (await told) as [{ flags: Set<string> }];
      assert.deepEqual([...flags].filter((flag) => flag !== '\\Recent').sort(), ['\\Seen', 'colour']);
      assert.equal(await imap.messageFlagsAdd('1', ['\\Flagged']), true);
      assert.equal(await imap.messageFlagsRemove('1', ['colour']), true);
      assert.equal(await imap.setFlagColor('1', 'green'), true);
      const one = await imap.fetchOne('1', { flags: true });
      assert.ok(one !== false);
      assert.deepEqual([one.flags?.has('\\Flagged'), one.flags?.has('colour')], [true, false]);
      const copied = await imap.messageCopy('1:3', 'Archive');
      assert.deepEqual(copied && [...(copied.uidMap ?? [])], [
        [1, 1],
        [2, 2],
        [3, 3],
      ]);
      const expunged = once(watcher, 'expunge');
      const moved = await imap.messageMove('2,4', 'Trash', { uid: true });
      assert.deepEqual(moved && [...(moved.uidMap?.keys() ?? [])], [2, 4]);
      await expunged;
      assert.equal(await imap.messageDelete('1'), true);
      assert.equal((imap.mailbox as MailboxObject).exists, 11);
      await watcher.noop();
      await idle;
      assert.equal((watcher.mailbox as MailboxObject).exists, 11);
    } finally {
      lock.release();
      await watcher.logout();
    }
  });

  test('none of its commands is left out', async () => {
    const idle = imap.idle();
    await imap.noop();
    await idle;
    await imap.logout();
    assert.deepEqual(
      COMMANDS.filter((name) => !tried.has(name)),
      [],
    );
  });
});

async function connect(client: ClientPeer): Promise<ImapFlow> {
  const ca = await readFile(client.caFile, 'utf8');
  const auth = { user: 'flo@alpha.test', pass: client.peer.password };
  const port = client.localhost.imap;
  const imap = new ImapFlow({
    host: 'localhost',
    port,
    secure: false,
    doSTARTTLS: true,
    tls: { ca },
    auth,
    logger: false,
  });
  await imap.connect();
  assert.equal(imap.secureConnection, true);
  return imap;
}

/** Notes the names of the methods that are called. */
function noting(imap: ImapFlow, tried: Set<string>): ImapFlow {
  tried.add('connect');
  return new Proxy(imap, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      tried.add(String(name));
      return value.bind(target) as unknown;
    },
  });
}

async function fetches(imap: ImapFlow, raws: readonly Buffer[]): Promise<void> {
  const wanted = {
    uid: true,
    flags: true,
    envelope: true,
    bodyStructure: true,
    internalDate: true,
    size: true,
    source: true,
  };
  const more = { headers: ['subject'], bodyParts: ['1'], threadId: true };
  const all = await imap.fetchAll('1:*', { ...wanted, ...more });
  assert.equal(all.length, raws.length);
  for (const [i, message] of all.entries()) {
    const raw = raws[i] as Buffer;
    assert.deepEqual(message.source, raw);
    assert.equal(message.size, raw.length);
    assert.equal(message.envelope?.subject, `trial flow ${i}`);
    assert.equal(message.envelope?.from?.[0]?.name, `Jürgen ${i}`);
    assert.equal(message.headers?.toString('utf8'), `Subject: trial flow ${i}\r\n\r\n`);
  }
  assert.deepEqual(
    all[2]?.bodyStructure?.childNodes?.map(({ type }) => type),
    ['text/plain', 'application/octet-stream'],
  );
  const uids: number[] = [];
  for await (const { uid } of imap.fetch({ flagged: true }, { uid: true })) uids.push(uid);
  assert.ok(uids.length > 0);
  const attachment = await imap.download('3', '2');
  assert.ok('content' in attachment && attachment.content);
  assert.ok((await text(attachment.content)).startsWith('peerpostpeerpost'));
  const parts = await imap.downloadMany('3', ['1', '2']);
  assert.match(String((parts as Record<string, { content: Buffer }>)['1']?.content), /first part 2/);
}

async function searches(imap: ImapFlow): Promise<void> {
  assert.deepEqual(await imap.search({ subject: 'flow 3' }), [4]);
  assert.deepEqual(await imap.search({ body: '漢字' }), [2, 9]);
  assert.deepEqual(await imap.search({ or: [{ uid: '1:2' }, { uid: '14' }] }, { uid: true }), [1, 2, 14]);
  assert.deepEqual(await imap.search({ header: { 'message-id': '<flow.5@trial.test>' } }), [6]);
  assert.deepEqual(await imap.search({ seen: true, not: { from: 'from1@' } }), [4, 6, 8, 10, 12, 14]);
  const counted = await imap.search({ all: true }, { returnOptions: ['COUNT', 'MIN', 'MAX'] });
  assert.ok(counted && !Array.isArray(counted));
  assert.deepEqual([counted.count, counted.min, counted.max], [14, 1, 14]);
}
