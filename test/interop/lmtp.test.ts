/** Others' parts around ours: Postfix delivers into our MDA, and our MTA into Dovecot, both by LMTP (RFC 2033). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { loadConfig } from '#config/load.ts';
import { createAccount } from '#store/accounts.ts';
import { makeSecret } from '#store/secret.ts';
import { readMailbox } from '#test/support/mail-client.ts';
import { loopbackAddress, PORT_BASE, prepareTestPeer, startTestPeer, type TestPeer } from '#test/support/system.ts';
import { openSystem } from '../../scripts/cli/system.ts';
import { type Dovecot, STRANGER, startDovecot } from './dovecot.ts';
import { removeFolder, serverFolder } from './peers/folders.ts';
import type { ForeignPeer } from './peers/foreign-peer.ts';
import { assertSame, eightBit, isMarked, large, odd, plain } from './peers/letters.ts';
import { startPostfix } from './peers/postfix.ts';
import { type Host, handIn } from './peers/submission.ts';
import { action, recipient, reportAmong } from './peers/trial.ts';
import { needsRoot, until } from './programs.ts';

describe('Postfix delivers into our MDA by LMTP', { skip: needsRoot('postfix') }, () => {
  let peer: TestPeer;
  let postfix: ForeignPeer;
  let folder = '';
  const smtp: Host = { host: loopbackAddress(), port: PORT_BASE + 25 };
  const from = 'dora@delta.test';

  before(async () => {
    peer = await prepareTestPeer({ domain: 'alpha.test', users: ['alice', 'bob'] });
    await addFullAccount(peer, 'full@alpha.test');
    await peer.start();
    folder = await serverFolder('postfix');
    postfix = await startPostfix(
      {
        folder,
        domains: ['delta.test'],
        users: ['dora'],
        listen: smtp,
        routes: new Map([['alpha.test', { host: peer.host, port: peer.port(24) }]]),
        dns: '',
      },
      ['alpha.test'],
    );
  });
  after(async () => {
    await postfix?.stop();
    await removeFolder(folder);
    await peer?.close();
  });

  const reports = async (...patterns: RegExp[]): Promise<string> =>
    await until(
      async () => reportAmong(await postfix.mailbox('dora'), ...patterns),
      `Postfix to report ${patterns.join(' ')}`,
      () => postfix.log(),
    );

  test('each recipient has its own reply, and the bounces name the right ones', async () => {
    const content = plain('lmtp');
    const to = ['alice', 'nobody', 'full', 'bob'].map((local) => `${local}@alpha.test`);
    await handIn(smtp, { from, to }, content);
    for (const local of ['alice', 'bob']) {
      const [message] = await readMailbox({ peer, address: `${local}@alpha.test` }, 1);
      assertSame(message as Buffer, content, 'lmtp');
    }
    const unknown = await reports(action('failed'), recipient('nobody@alpha.test'), /^status: 5\.1\.1/im);
    const delayed = await reports(action('delayed'), recipient('full@alpha.test'), /^status: 4\.2\.2/im);
    const expired = await reports(action('failed'), recipient('full@alpha.test'), /^status: 4\.2\.2/im);
    for (const report of [unknown, delayed, expired]) {
      assert.doesNotMatch(report, recipient('alice@alpha.test'));
      assert.doesNotMatch(report, recipient('bob@alpha.test'));
    }
    assert.doesNotMatch(unknown, recipient('full@alpha.test'));
    assert.doesNotMatch(expired, recipient('nobody@alpha.test'));
    for (const local of ['alice', 'bob'])
      assert.equal((await readMailbox({ peer, address: `${local}@alpha.test` }, 1)).length, 1, 'nobody got it twice');
  });

  test('every odd byte, 8 bit and 20 MB arrive whole', async () => {
    const contents = { odd: odd('odd'), eight: eightBit('eight'), large: large('large') };
    const before = (await readMailbox({ peer, address: 'alice@alpha.test' }, 0)).length;
    for (const content of Object.values(contents)) {
      await handIn(smtp, { from, to: ['alice@alpha.test'], mail: 'BODY=8BITMIME' }, content);
    }
    const messages = await readMailbox({ peer, address: 'alice@alpha.test' }, before + 3);
    for (const [mark, content] of Object.entries(contents)) {
      assertSame(messages.find((message) => isMarked(message, mark)) as Buffer, content, mark);
    }
  });
});

/** An account that has no room for anything. */
async function addFullAccount(peer: TestPeer, address: string): Promise<void> {
  const system = await openSystem(await loadConfig(peer.config));
  try {
    await createAccount({ ...system, quota: 1 }, address, await makeSecret(peer.password));
  } finally {
    await system.close();
  }
}

describe('our MTA delivers into Dovecot by LMTP', { skip: needsRoot('dovecot') }, () => {
  let peer: TestPeer;
  let dovecot: Dovecot;

  before(async () => {
    dovecot = await startDovecot();
    peer = await startTestPeer({
      domain: 'alpha.test',
      users: ['alice'],
      delivery: ['retry = ["1s"]'],
      routes: {
        'delta.test': `lmtp://${dovecot.host}:${dovecot.lmtp.port}`,
        'socket.test': `lmtp://${dovecot.lmtp.path}`,
      },
    });
  });
  after(async () => {
    await peer?.close();
    await dovecot?.close();
  });

  const submit = (to: readonly string[], content: Buffer, rcpt?: string): Promise<void> =>
    handIn(
      { host: peer.host, port: peer.port(587), login: { user: 'alice@alpha.test', password: peer.password } },
      { from: 'alice@alpha.test', to, mail: 'BODY=8BITMIME', ...(rcpt !== undefined && { rcpt }) },
      content,
    );
  const arrived = (address: string, mark: string): Promise<Buffer> =>
    until(
      async () => (await readDovecot(dovecot, address)).find((message) => isMarked(message, mark)),
      `${mark} in Dovecot's mailbox of ${address}`,
      async () => peer.log(),
    );

  for (const domain of ['delta.test', 'socket.test']) {
    test(`messages arrive whole, by ${domain === 'delta.test' ? 'TCP' : 'a Unix socket'}`, async () => {
      const contents = { plain: plain('plain'), odd: odd('odd'), eight: eightBit('eight'), large: large('large') };
      for (const [mark, content] of Object.entries(contents)) {
        await submit([`dora@${domain}`, `dirk@${domain}`], content);
        for (const local of ['dora', 'dirk']) assertSame(await arrived(`${local}@${domain}`, mark), content, mark);
      }
    });
  }

  test('each recipient has its own reply: what it refuses is reported as failed, what it took as delivered', async () => {
    await submit(['dora@delta.test', STRANGER], plain('told'), 'NOTIFY=SUCCESS,FAILURE');
    await arrived('dora@delta.test', 'told');
    const reported = (...patterns: RegExp[]): Promise<string> =>
      until(
        async () => reportAmong(await readMailbox({ peer, address: 'alice@alpha.test' }, 0), ...patterns),
        `our report ${patterns.join(' ')}`,
        async () => peer.log(),
      );
    await reported(action('delivered'), recipient('dora@delta.test'));
    await reported(action('failed'), recipient(STRANGER), /^status: 5\.1\.1/im);
  });
});

async function readDovecot(dovecot: Dovecot, address: string): Promise<Buffer[]> {
  const auth = { user: address, pass: dovecot.password };
  const client = new ImapFlow({ host: dovecot.host, port: dovecot.port, secure: false, auth, logger: false });
  await client.connect();
  try {
    const lock = await client.getMailboxLock('INBOX');
    try {
      const sources: Buffer[] = [];
      if (client.mailbox && client.mailbox.exists > 0) {
        for await (const message of client.fetch('1:*', { source: true })) sources.push(message.source as Buffer);
      }
      return sources;
    } finally {
      lock.release();
    }
  } finally {
    await client.logout();
  }
}
