/** What was expunged comes back: by command, with the peer running and resting, seen by IMAP, POP3 and REST. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { ImapWire } from '#test/support/wire.ts';

const ALICE = 'alice@a.test';

describe('undelete', { timeout: 120_000 }, () => {
  let peer: TestPeer;
  before(async () => {
    peer = await startTestPeer({ domain: 'a.test', users: ['alice'] });
  });
  after(() => peer?.close());

  async function command<T>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await peer.cli(['account', 'undelete', ALICE, ...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as T;
  }

  /** The last message's unique id. */
  async function uidl(): Promise<string | undefined> {
    const socket = connect(peer.port(110), peer.host);
    socket.write(`USER ${ALICE}\r\nPASS ${peer.password}\r\nUIDL\r\nQUIT\r\n`);
    const lines: string[] = [];
    for await (const line of createInterface({ input: socket })) lines.push(line);
    return lines
      .filter((line) => /^\d+ /.test(line))
      .at(-1)
      ?.split(' ')[1];
  }

  test('a message comes back to every protocol, as what it was', async () => {
    const imap = await ImapWire.open(peer.host, peer.port(143), ALICE, peer.password);
    await imap.append('INBOX', Buffer.from('Subject: dear\r\nMessage-ID: <1@a.test>\r\n\r\ntext\r\n'));
    await imap.append('INBOX', Buffer.from('Subject: other\r\n\r\ntext\r\n'));
    await imap.must('SELECT INBOX');
    await imap.must('STORE 2 +FLAGS (\\Flagged $Work \\Deleted)');
    const before = (await imap.must('FETCH 2 (EMAILID THREADID INTERNALDATE)')).join();
    const id = await uidl();
    await imap.must('EXPUNGE');
    assert.notEqual(await uidl(), id);
    const { items } = await command<{ items: { id: string; subject: string }[] }>('--list');
    assert.deepEqual(
      items.map(({ subject }) => subject),
      ['other'],
    );
    const done = await command<{ restored: number }>(items[0]!.id);
    assert.equal(done.restored, 1);
    const news = (await imap.must('NOOP')).join();
    assert.match(news, /\* 2 EXISTS/);
    assert.equal((await imap.must('FETCH 2 (EMAILID THREADID INTERNALDATE)')).join(), before);
    assert.match((await imap.must('FETCH 2 (UID FLAGS)')).join(), /UID 3 FLAGS \(\$Work \\Flagged\)/);
    assert.match((await imap.must('UID FETCH 3 BODY.PEEK[]')).join(), /Subject: other/);
    assert.match((await imap.must('SEARCH SUBJECT other')).join(), /SEARCH 2/);
    assert.equal(await uidl(), id, 'RFC 1939 §7: the unique id of an entity never changes');
    await imap.close();
  });

  test('a removed mailbox comes back while nothing runs; what is wrong is said', async () => {
    const imap = await ImapWire.open(peer.host, peer.port(143), ALICE, peer.password);
    await imap.must('CREATE Letters/Old');
    await imap.append('Letters/Old', Buffer.from('Subject: lost\r\n\r\ntext\r\n'));
    await imap.must('DELETE Letters/Old');
    await imap.close();
    await peer.stop();
    const { code, stdout, stderr } = await peer.cli(['account', 'undelete', ALICE, '--list']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Letters\/Old \(removed\)\s+lost/);
    assert.equal((await command<{ restored: number }>('--since', '1h')).restored, 1);
    const gone = await peer.cli(['account', 'undelete', ALICE, 'nothing']);
    assert.equal(gone.code, 1);
    assert.match(gone.stdout, /nothing can't be brought back any more/);
    assert.equal((await peer.cli(['account', 'undelete', ALICE])).code, 2);
    assert.equal((await peer.cli(['account', 'undelete', ALICE, '--since', 'soon'])).code, 2);
    assert.match((await peer.cli(['account', 'undelete', ALICE, 'a', '--mailbox', 'No'])).stderr, /no mailbox "No"/);
    assert.match((await peer.cli(['account', 'undelete', 'x@a.test', '--list'])).stderr, /no account x@a\.test/);
    await peer.start();
    const again = await ImapWire.open(peer.host, peer.port(143), ALICE, peer.password);
    assert.match((await again.must('STATUS Letters/Old (MESSAGES)')).join(), /MESSAGES 1/);
    await again.close();
  });
});
