/** A client that is not ours goes through every command that it knows, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { systemClock } from '#runtime/system.ts';
import { testSecureContext } from '#test/support/certificate.ts';
import { ImapListener } from '../../../imap-gateway/imap/listener.ts';
import { createWorldOf, PASSWORD } from './world.ts';

interface Gateway {
  /** A client that is logged in; its connection is closed when the test ends. */
  client(user?: string, more?: Partial<ImapFlowOptions>): Promise<ImapFlow>;
}

async function startGateway(t: TestContext): Promise<Gateway> {
  const world = await createWorldOf(systemClock);
  const { services, coordination } = world;
  const listener = new ImapListener(
    { coordination, secureContext: testSecureContext },
    { services, connectionsPerAddress: 50, channelBinding: false, exemptNetworks: [] },
  );
  const servers = await Promise.all(
    (['imap', 'imaps'] as const).map(async (protocol) => {
      const server = createServer({ pauseOnConnect: true }, (socket) => listener.accept(protocol, socket));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const clients: ImapFlow[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    for (const server of servers) server.close();
    await listener.drain(2_000, false);
    await world.close();
  });
  return {
    async client(user = 'alice@alpha.test', more = {}) {
      const secure = more.secure ?? false;
      const { port } = servers[secure ? 1 : 0]!.address() as AddressInfo;
      const client = new ImapFlow({
        host: '127.0.0.1',
        port,
        secure,
        auth: { user, pass: PASSWORD },
        tls: { rejectUnauthorized: false },
        logger: false,
        ...more,
      });
      clients.push(client);
      await client.connect();
      return client;
    },
  };
}

const MESSAGE = [
  'From: Bob <bob@beta.test>',
  'To: alice@alpha.test',
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=',
  'Message-ID: <1@beta.test>',
  'Date: Mon, 02 Feb 2026 10:00:00 +0100',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'Hello there',
  '--b',
  'Content-Type: application/octet-stream; name=data.bin',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: attachment; filename=data.bin',
  '',
  'AAEC',
  '--b--',
  '',
].join('\r\n');

const exists = ({ mailbox }: ImapFlow): number | undefined => (mailbox === false ? undefined : mailbox.exists);

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

test('logs in by STARTTLS, by TLS from the first byte, and not with a wrong password', async (t) => {
  const gateway = await startGateway(t);
  const starttls = await gateway.client('alice@alpha.test', { doSTARTTLS: true });
  assert.equal(starttls.secureConnection, true);
  const secure = await gateway.client('alice@alpha.test', { secure: true });
  assert.equal(secure.secureConnection, true);
  await assert.rejects(gateway.client('alice@alpha.test', { auth: { user: 'alice@alpha.test', pass: 'x' } }), {
    authenticationFailed: true,
  });
  await secure.logout();
});

test('mailboxes: list, create, rename, subscribe, status, delete, quota', async (t) => {
  const gateway = await startGateway(t);
  const client = await gateway.client('carol@alpha.test');
  const created = await client.mailboxCreate(['Äpfel', 'grün']);
  assert.equal(created.created, true);
  assert.match(created.mailboxId ?? '', /\S/);
  await client.mailboxSubscribe('Äpfel/grün');
  const listed = await client.list({ statusQuery: { messages: true, unseen: true } });
  const found = listed.find((mailbox) => mailbox.path === 'Äpfel/grün');
  assert.equal(found?.subscribed, true);
  assert.equal(found?.status?.messages, 0);
  assert.equal(listed.find((mailbox) => mailbox.path === 'Sent')?.specialUse, '\\Sent');
  await client.mailboxRename('Äpfel', 'Birnen');
  assert.ok((await client.list()).some((mailbox) => mailbox.path === 'Birnen/grün'));
  const tree = await client.listTree();
  assert.ok(tree.folders?.some((folder) => folder.path === 'Birnen'));
  const status = await client.status('Birnen/grün', {
    messages: true,
    uidNext: true,
    uidValidity: true,
    unseen: true,
    highestModseq: true,
  });
  assert.ok(status);
  assert.equal(status.uidNext, 1);
  await client.mailboxUnsubscribe('Äpfel/grün');
  await client.mailboxDelete('Birnen/grün');
  assert.ok(!(await client.list()).some((mailbox) => mailbox.path === 'Birnen/grün'));
  const quota = await client.getQuota('INBOX');
  assert.ok(quota);
  assert.equal(quota.storage?.limit, 10_240);
});

test('messages: append, fetch, download, flags, search, copy, move, delete', async (t) => {
  const gateway = await startGateway(t);
  const client = await gateway.client();
  const appended = await client.append('INBOX', MESSAGE, ['\\Seen', 'Work'], new Date('2026-02-03T04:05:06Z'));
  assert.ok(appended);
  assert.equal(appended.uid, 1);
  await client.append('INBOX', 'Subject: second\r\n\r\nsecond body\r\n');
  const opened = await client.mailboxOpen('INBOX');
  assert.equal(opened.exists, 2);

  const message = await client.fetchOne('1', {
    uid: true,
    flags: true,
    envelope: true,
    bodyStructure: true,
    internalDate: true,
    size: true,
    source: true,
    threadId: true,
    headers: ['subject', 'message-id'],
    bodyParts: ['1', '2.mime'],
  });
  assert.ok(message);
  assert.equal(message.source?.toString(), MESSAGE);
  assert.equal(message.size, MESSAGE.length);
  assert.equal(message.envelope?.subject, 'Grüße');
  assert.equal(message.envelope?.from?.[0]?.address, 'bob@beta.test');
  assert.deepEqual([...(message.flags ?? [])].sort(), ['Work', '\\Seen'].sort());
  assert.equal(new Date(message.internalDate ?? 0).toISOString(), '2026-02-03T04:05:06.000Z');
  assert.equal(message.bodyStructure?.childNodes?.length, 2);
  assert.equal(message.bodyParts?.get('1')?.toString(), 'Hello there');
  assert.match(message.headers?.toString() ?? '', /^Subject: /);
  assert.match(message.emailId ?? '', /\S/);

  const attachment = await client.download('1', '2');
  assert.ok('content' in attachment && attachment.content);
  assert.equal(attachment.meta.filename, 'data.bin');
  assert.equal(await text(attachment.content), '\0\x01\x02');
  const many = await client.downloadMany('1', ['1', '2']);
  assert.ok(many);

  assert.equal(await client.messageFlagsAdd('2', ['\\Flagged', '\\Answered']), true);
  assert.equal(await client.messageFlagsRemove({ uid: '2' }, ['\\Answered']), true);
  assert.equal(await client.messageFlagsSet('1', ['\\Draft']), true);
  assert.equal(await client.setFlagColor('2', 'blue'), true);
  const flags = await client.fetchAll('1:*', { flags: true });
  assert.deepEqual([...(flags[0]?.flags ?? [])], ['\\Draft']);
  assert.ok(flags[1]?.flags?.has('\\Flagged'));
  assert.ok(flags[1]?.modseq);

  assert.deepEqual(await client.search({ flagged: true }), [2]);
  assert.deepEqual(await client.search({ subject: 'Grüße' }, { uid: true }), [1]);
  assert.deepEqual(await client.search({ or: [{ body: 'second' }, { from: 'nobody' }] }), [2]);
  assert.deepEqual(await client.search({ since: '2026-02-04', larger: 1 }), [2]);
  assert.deepEqual(await client.search({ header: { 'message-id': '<1@beta.test>' } }), [1]);

  const copied = await client.messageCopy('1:2', 'Archive');
  assert.ok(copied);
  assert.deepEqual(
    [...(copied.uidMap ?? [])],
    [
      [1, 1],
      [2, 2],
    ],
  );
  const moved = await client.messageMove('1', 'Trash');
  assert.ok(moved);
  assert.deepEqual([...(moved.uidMap ?? [])], [[1, 1]]);
  assert.equal(exists(client), 1);
  assert.equal(await client.messageDelete({ all: true }), true);
  assert.equal(exists(client), 0);
  await client.noop();
  await client.mailboxClose();
  const lock = await client.getMailboxLock('Archive', { readOnly: true });
  assert.equal(exists(client), 2);
  lock.release();
  await client.logout();
});

test('new mail, changed flags and expunges wake an idling client', async (t) => {
  const gateway = await startGateway(t);
  const [watcher, other] = [await gateway.client(), await gateway.client()];
  await watcher.mailboxOpen('INBOX');
  void watcher.idle();
  const exists = once(watcher, 'exists');
  await other.append('INBOX', 'Subject: news\r\n\r\n');
  assert.equal((await exists)[0].count, 1);
  await other.mailboxOpen('INBOX');
  const flagged = once(watcher, 'flags');
  await other.messageFlagsAdd('1', ['\\Seen']);
  assert.ok((await flagged)[0].flags.has('\\Seen'));
  const expunged = once(watcher, 'expunge');
  await other.messageDelete('1');
  assert.equal((await expunged)[0].seq, 1);
});
