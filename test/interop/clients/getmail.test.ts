/** getmail collects over IMAP and POP3 with TLS, and hands over to our own LMTP server: its other ways out fork, and lose the end of a child that is too quick. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readMailbox } from '#test/support/mail-client.ts';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { runCollectTrial } from './collect-trial.ts';

describe('getmail', { skip: needs('getmail') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['gus', 'gabi', 'pia', 'paul']);
  });
  after(() => client?.close());

  for (const [retriever, port, user, to] of [
    ['SimpleIMAPSSLRetriever', 'imaps', 'gus', 'gabi'],
    ['SimplePOP3SSLRetriever', 'pop3s', 'pia', 'paul'],
  ] as const) {
    test(`collects all, once, and leaves nothing: ${retriever}`, async () => {
      const { peer } = client;
      await client.write(
        `getmailrc-${user}`,
        `[retriever]
type = ${retriever}
server = localhost
port = ${client.localhost[port]}
username = ${user}@alpha.test
password = ${peer.password}
ca_certs = ${client.caFile}

[destination]
type = MDA_lmtp
host = ${peer.host}
port = ${peer.port(24)}
override = ${to}@alpha.test

[options]
delete = true
delivered_to = false
received = false
`,
      );
      const collect = async () => {
        const { code, stdout, stderr } = await client.run('getmail', [
          '--getmaildir',
          client.home,
          '--rcfile',
          `getmailrc-${user}`,
        ]);
        assert.equal(code, 0, stdout + stderr);
        assert.doesNotMatch(stdout + stderr, /warning|error/i);
      };
      const collected = () => readMailbox(client.person(to), 0);
      await runCollectTrial({ client, user, collect, collected });
    });
  }
});
