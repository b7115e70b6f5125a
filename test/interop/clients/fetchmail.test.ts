/** fetchmail collects over IMAP and POP3 with TLS and hands each message to a delivery program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { readMaildir, runCollectTrial } from './collect-trial.ts';
import { fillMailbox, listMailbox, messageId, withMailbox } from './mailbox.ts';
import { makeMaildir } from './maildir.ts';
import { trialMessages } from './messages.ts';

const STARTTLS = 'sslproto "TLS1.2+"';

describe('fetchmail', { skip: needs('fetchmail') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['fay', 'kay']);
  });
  after(() => client?.close());

  for (const [how, options] of [
    ['IMAP with implicit TLS', (c: ClientPeer) => ({ protocol: 'imap', port: c.localhost.imaps, tls: 'ssl' })],
    ['IMAP with STARTTLS', (c: ClientPeer) => ({ protocol: 'imap', port: c.localhost.imap, tls: STARTTLS })],
    ['POP3 with implicit TLS', (c: ClientPeer) => ({ protocol: 'pop3', port: c.localhost.pop3s, tls: 'ssl' })],
    ['POP3 with STLS', (c: ClientPeer) => ({ protocol: 'pop3', port: c.localhost.pop3, tls: STARTTLS })],
  ] as const) {
    test(`collects all, once, and leaves nothing, over ${how}`, async () => {
      const { protocol, port, tls } = options(client);
      const maildir = client.path(`mail-${port}`);
      await makeMaildir(maildir);
      const rc = await client.write(
        `fetchmailrc-${port}`,
        `set invisible
poll localhost service ${port} protocol ${protocol} user "fay@alpha.test" password "${client.peer.password}"
  ${tls} sslcertck sslcertfile "${client.caFile}" nokeep fetchall no rewrite mda "cat > ${maildir}/new/$(mktemp -u XXXXXXXXXXXX)"
`,
      );
      const collect = async () => {
        const { code, stdout, stderr } = await client.run('fetchmail', [
          '-f',
          rc,
          '--nosyslog',
          '--pidfile',
          client.path('fetchmail.pid'),
        ]);
        // 1: there was no mail.
        assert.ok(code === 0 || code === 1, stdout + stderr);
        assert.doesNotMatch((stdout + stderr).replace('WARNING: Running as root', ''), /warning|error/i);
      };
      await runCollectTrial({ client, user: 'fay', collect, collected: () => readMaildir(maildir) });
    });
  }

  const pop3 = async (name: string, options: string, mda: string) => {
    await makeMaildir(client.path(name));
    const rc = await client.write(
      `rc-${name}`,
      `set invisible
poll localhost service ${client.localhost.pop3s} protocol pop3 uidl user "kay@alpha.test" password "${client.peer.password}"
  ssl sslcertck sslcertfile "${client.caFile}" ${options} no rewrite mda "${mda}"
`,
    );
    const ids = client.path(`ids-${name}`);
    return () => client.run('fetchmail', ['-f', rc, '--nosyslog', '-i', ids, '--pidfile', client.path('kay.pid')]);
  };

  test('POP3: what stays on the server is collected once, also when messages between go and others come', async () => {
    const account = client.account('kay');
    await fillMailbox(account, 'INBOX', trialMessages('kept', 30));
    const maildir = client.path('kept');
    const collect = await pop3('kept', 'keep', `cat > ${maildir}/new/$(mktemp -u XXXXXXXXXXXX)`);
    const first = await collect();
    assert.equal(first.code, 0, first.stdout + first.stderr);
    assert.equal((await readMaildir(maildir)).length, 30);
    const again = await collect();
    assert.equal(again.code, 1, again.stdout + again.stderr);
    await withMailbox(account, 'INBOX', async (imap) => void (await imap.messageDelete('3:7')));
    await fillMailbox(account, 'INBOX', trialMessages('more', 5));
    const third = await collect();
    assert.equal(third.code, 0, third.stdout + third.stderr);
    const ids = (await readMaildir(maildir)).map(messageId);
    assert.deepEqual([ids.length, new Set(ids).size], [35, 35]);
    assert.equal((await listMailbox(account, 'INBOX')).length, 30);
  });

  test('POP3: an interrupted collection loses nothing, and leaves all on the server', async () => {
    const account = client.account('kay');
    const before = (await listMailbox(account, 'INBOX')).length;
    const maildir = client.path('cut');
    // The tenth message ends fetchmail itself, in the middle of its session.
    const deliver = `f=${maildir}/new/$(mktemp -u XXXXXXXXXXXX); cat > $f; test $(ls ${maildir}/new | wc -l) -ne 10 || kill -9 $(head -1 ${client.path('kay.pid')})`;
    const collect = await pop3('cut', 'nokeep fetchall', deliver);
    const { code } = await collect();
    assert.notEqual(code, 0);
    assert.equal((await listMailbox(account, 'INBOX')).length, before);
    const again = await pop3('rest', 'nokeep fetchall', `cat > ${client.path('rest')}/new/$(mktemp -u XXXXXXXXXXXX)`);
    const { code: done, stdout, stderr } = await again();
    assert.equal(done, 0, stdout + stderr);
    assert.equal((await readMaildir(client.path('rest'))).length, before);
    assert.deepEqual(await listMailbox(account, 'INBOX'), []);
  });
});
