/** A change by REST shows in IMAP at once, and the reverse; mail of a running peer, in its real store. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';

const letter = (subject: string, more = ''): string =>
  `From: bob@far.test\r\nTo: alice@a.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@far.test>\r\n${more}\r\nHello ${subject}\r\n`;

describe('REST and IMAP of one account', { concurrency: 1 }, () => {
  let peer: TestPeer;
  let imap: ImapFlow;

  before(async () => {
    peer = await startTestPeer({ domain: 'a.test', users: ['alice'] });
    imap = new ImapFlow({
      host: peer.host,
      port: peer.port(993),
      secure: true,
      tls: { rejectUnauthorized: false },
      auth: { user: 'alice@a.test', pass: peer.password },
      logger: false,
    });
    await imap.connect();
  });
  after(async () => {
    await imap.logout();
    await peer.close();
  });

  async function ask(method: string, path: string, body?: object | string, type = 'application/json') {
    const authorization = `Basic ${btoa(`alice@a.test:${peer.password}`)}`;
    const sent = request({
      host: peer.host,
      port: peer.port(80),
      method,
      path: `/api/v1${path}`,
      headers: { authorization, ...(body !== undefined && { 'content-type': type }) },
    });
    sent.end(typeof body === 'object' ? JSON.stringify(body) : body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
    assert.ok((answer.statusCode ?? 500) < 300, `${method} ${path}: ${answer.statusCode} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Runs a change while the session idles, until it has heard of it. */
  async function hears<T>(event: string, change: () => Promise<T>): Promise<T> {
    const told = once(imap, event);
    const idle = imap.idle();
    const answer = await change();
    await told;
    await imap.noop(); // ends IDLE
    await idle;
    return answer;
  }

  test('what IMAP appends, marks and moves is in REST', async () => {
    await imap.append('INBOX', letter('one'), ['\\Flagged']);
    await imap.append('INBOX', letter('two', 'In-Reply-To: <one@far.test>\r\n'));
    const { items } = await ask('GET', '/messages');
    assert.deepEqual(
      items.map(({ subject }: { subject: string }) => subject),
      ['two', 'one'],
    );
    assert.deepEqual(items[1].keywords, ['$flagged']);
    assert.equal(items[0].threadId, items[1].threadId);
    const [{ messages }] = (await ask('GET', '/threads')).items;
    assert.equal(messages, 2);
    await imap.mailboxOpen('INBOX');
    await imap.messageFlagsAdd('1', ['\\Seen']);
    assert.deepEqual((await ask('GET', `/messages/${items[1].id}`)).keywords, ['$flagged', '$seen']);
    await imap.messageMove('1', 'Archive');
    const archive = (await ask('GET', '/mailboxes')).items.find(({ name }: { name: string }) => name === 'Archive');
    const moved = await ask('GET', `/messages/${items[1].id}`);
    assert.deepEqual(moved.mailboxIds, [archive.id]);
    assert.equal((await ask('GET', '/messages?q=in:archive+from:bob')).items.length, 1);
    const [found] = await imap.fetchAll('1:*', { emailId: true, threadId: true });
    assert.deepEqual([found?.emailId, found?.threadId], [items[0].id, items[0].threadId], 'one id in both');
  });

  test('what REST imports, marks, moves and deletes is in an open IMAP session', async () => {
    await imap.mailboxOpen('INBOX');
    const { messages } = await hears('exists', () => ask('POST', '/messages', letter('three'), 'message/rfc822'));
    const uid = String(messages[0].uid);
    const id = messages[0].id as string;
    await hears('flags', () => ask('PATCH', `/messages/${id}`, { addKeywords: ['$answered', 'Mine'] }));
    const got = await imap.fetchOne(uid, { flags: true, source: true }, { uid: true });
    assert.ok(got !== false);
    assert.deepEqual([...(got.flags ?? [])].filter((flag) => flag !== '\\Recent').sort(), ['Mine', '\\Answered']);
    assert.equal(got.source?.toString(), letter('three'));
    await hears('expunge', () => ask('DELETE', `/messages/${id}`));
    const trash = await imap.status('Trash', { messages: true });
    assert.ok(trash !== false);
    assert.equal(trash.messages, 1);
    await ask('POST', '/mailboxes', { name: 'By/REST' });
    const names = (await imap.list()).map(({ path }) => path);
    assert.ok(names.includes('By/REST') && names.includes('By'));
  });
});
