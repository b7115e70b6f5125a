/** mpop collects over POP3 with pipelining, keeps what it has seen by unique ids, and is resumed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { readMaildir, runCollectTrial } from './collect-trial.ts';
import { fillMailbox, listMailbox } from './mailbox.ts';
import { makeMaildir } from './maildir.ts';
import { trialMessages } from './messages.ts';

describe('mpop', { skip: needs('mpop') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['mia']);
  });
  after(() => client?.close());

  const prepare = async (name: string, tls: 'on' | 'off', more: string) => {
    const maildir = client.path(name);
    await makeMaildir(maildir);
    const { localhost, peer, caFile } = client;
    const rc = await client.write(
      `mpoprc-${name}`,
      `account default
host localhost
port ${tls === 'on' ? localhost.pop3 : localhost.pop3s}
user mia@alpha.test
password ${peer.password}
tls on
tls_starttls ${tls}
tls_trust_file ${caFile}
uidls_file ${client.path(`uidls-${name}`)}
delivery maildir ${maildir}
received_header off
${more}
`,
    );
    const collect = async () => {
      const { code, stdout, stderr } = await client.run('mpop', ['-C', rc, '-q']);
      assert.equal(code, 0, stdout + stderr);
      assert.equal(stderr, '');
    };
    return { collect, collected: () => readMaildir(maildir) };
  };

  for (const [how, tls, more] of [
    ['implicit TLS', 'off', 'keep off'],
    ['STLS, pipelined, by SCRAM', 'on', 'keep off\npipelining on\nauth scram-sha-256'],
    ['STLS, one by one, by USER', 'on', 'keep off\npipelining off\nauth user'],
  ] as const) {
    test(`collects all, once, and leaves nothing, over ${how}`, async () => {
      const { collect, collected } = await prepare(how.replaceAll(/\W/g, '-'), tls, more);
      await runCollectTrial({ client, user: 'mia', collect, collected });
    });
  }

  test('what stays on the server is collected once', async () => {
    const { collect, collected } = await prepare('kept', 'off', 'keep on\npipelining on');
    for (const count of [20, 30]) {
      await fillMailbox(client.account('mia'), 'INBOX', trialMessages(`kept${count}`, count));
      await collect();
      await collect();
    }
    assert.equal((await collected()).length, 50);
    assert.equal((await listMailbox(client.account('mia'), 'INBOX')).length, 50);
  });
});
