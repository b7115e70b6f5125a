/** fetchmail collects over IMAP with TLS and hands each message to a delivery program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { readMaildir, runCollectTrial } from './collect-trial.ts';
import { makeMaildir } from './maildir.ts';

describe('fetchmail', { skip: needs('fetchmail') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['fay']);
  });
  after(() => client?.close());

  for (const [how, options] of [
    ['implicit TLS', (c: ClientPeer) => ({ port: c.localhost.imaps, tls: 'ssl' })],
    ['STARTTLS', (c: ClientPeer) => ({ port: c.localhost.imap, tls: 'sslproto "TLS1.2+"' })],
  ] as const) {
    test(`collects all, once, and leaves nothing, over ${how}`, async () => {
      const { port, tls } = options(client);
      const maildir = client.path(`mail-${port}`);
      await makeMaildir(maildir);
      const rc = await client.write(
        `fetchmailrc-${port}`,
        `set invisible
poll localhost service ${port} protocol imap user "fay@alpha.test" password "${client.peer.password}"
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
});
