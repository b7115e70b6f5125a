/** What an admin does to a running peer, and what people at the other end see of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { ImapWire, SmtpWire } from '#test/support/wire.ts';

const ALICE = 'alice@alpha.test';
const BOB = 'bob@alpha.test';

describe('peerpost while the peer runs', () => {
  let peer: TestPeer;
  before(async () => {
    peer = await startTestPeer({ domain: 'alpha.test', users: ['alice', 'bob'] });
  });
  after(() => peer?.close());

  const command = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await peer.cli([...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as T;
  };
  const imap = (password = peer.password, user = ALICE) => ImapWire.open(peer.host, peer.port(143), user, password);
  const authenticate = async (password: string): Promise<string> => {
    const smtp = await SmtpWire.open(peer.host, peer.port(587));
    const plain = Buffer.from(`\0${ALICE}\0${password}`).toString('base64');
    const { text } = await smtp.ask(`AUTH PLAIN ${plain}\r\n`);
    smtp.destroy();
    return text.slice(0, 10);
  };
  const receive = async (to: string): Promise<string> => {
    const smtp = await SmtpWire.open(peer.host, peer.port(25));
    const { text } = await smtp.data('x@far.test', to, Buffer.from('Subject: a\r\n\r\n'));
    await smtp.close();
    return text;
  };
  /** The session said goodbye and closed. */
  const ended = (session: ImapWire) =>
    assert.rejects(async () => {
      for (;;) await session.ask('NOOP');
    }, /closed|EPIPE|ECONNRESET/);

  test('a session is listed with its account, and ended from elsewhere', async () => {
    const [first, second] = [await imap(), await imap(peer.password, BOB)];
    const { items } = await command<{ items: { id: string; protocol: string; login: string }[] }>(
      'session',
      'list',
      '--account',
      ALICE,
    );
    assert.deepEqual(
      items.map(({ protocol, login }) => ({ protocol, login })),
      [{ protocol: 'imap', login: ALICE }],
    );
    assert.deepEqual(await command('session', 'disconnect', items[0]!.id), { items: [items[0]!.id] });
    await ended(first);
    await second.must('NOOP');
    await second.close();
  });

  test('an app password works where it is meant to, and shows its last use', async () => {
    const { password, id } = await command<{ password: string; id: string }>(
      'app-password',
      'add',
      ALICE,
      'phone',
      '--scope',
      'imap',
    );
    await (await imap(password)).close();
    assert.equal(await authenticate(password), '535 5.7.8 ');
    assert.equal(await authenticate(peer.password), '235 2.7.0 ');
    const until = Date.now() + 60_000;
    for (let used = false; !used; ) {
      const { items } = await command<{ items: { id: string; lastUsedFrom?: string }[] }>(
        'app-password',
        'list',
        ALICE,
      );
      used = items.find((one) => one.id === id)?.lastUsedFrom !== undefined;
      assert.ok(used || Date.now() < until, 'its use is not shown');
    }
    await command('app-password', 'remove', ALICE, 'phone');
    await assert.rejects(imap(password));
  });

  test('who is suspended is put out and not let in; mail still comes', async () => {
    const session = await imap();
    await command('account', 'suspend', ALICE);
    await ended(session);
    await assert.rejects(imap(), /NO .*suspended/);
    assert.equal(await authenticate(peer.password), '535 5.7.13');
    assert.match(await receive(ALICE), /^250 /);
    await command('account', 'resume', ALICE);
    const again = await imap();
    await again.selectAndWait('INBOX', 1);
    await again.close();
  });

  test('forwards, moves and new names count from the next message on', async () => {
    await command('account', 'forward', ALICE, BOB, '--keep');
    assert.match(await receive(ALICE), /^250 /);
    for (const [user, count] of [
      [ALICE, 2],
      [BOB, 1],
    ] as const) {
      const session = await imap(peer.password, user);
      await session.selectAndWait('INBOX', count);
      await session.close();
    }
    await command('account', 'rename', BOB, 'robert@alpha.test');
    assert.match(await receive(ALICE), /^250 /);
    const robert = await imap(peer.password, 'robert@alpha.test');
    await robert.selectAndWait('INBOX', 2);
    await robert.close();
    await command('account', 'moved', ALICE, 'alice@new.test', '--reject');
    assert.match(await receive(ALICE), /^551 5\.1\.6 User has moved to <alice@new\.test>, please try it/);
    const { items } = await command<{ items: { act: string; actor: string }[] }>('audit', 'list', '--limit', '3');
    assert.deepEqual(
      items.map(({ act, actor }) => `${actor} ${act}`),
      ['cli set-moved', 'cli rename-account', 'cli set-forward'],
    );
  });
});
