/** fdm collects over IMAP and POP3 with TLS and sorts into maildirs by its rules. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { readMaildir, runCollectTrial } from './collect-trial.ts';

describe('fdm', { skip: needs('fdm') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['fred']);
  });
  after(() => client?.close());

  for (const protocol of ['imaps', 'pop3s'] as const) {
    test(`collects all, once, and leaves nothing, over ${protocol}`, async () => {
      const maildir = client.path(`mail-${protocol}`);
      const rc = await client.write(
        `fdm-${protocol}.conf`,
        `set no-received
set verify-certificates
set lock-file "${client.path('fdm.lock')}"
set default-user "root"
account "peer" ${protocol} server "localhost" port ${client.localhost[protocol]} user "fred@alpha.test" pass "${client.peer.password}"
action "keep" maildir "${maildir}"
match all action "keep"
`,
      );
      const collect = async () => {
        const { code, stdout, stderr } = await client.run('fdm', ['-f', rc, 'fetch']);
        assert.equal(code, 0, stdout + stderr);
        assert.doesNotMatch(stdout + stderr, /warning|error/i);
      };
      await runCollectTrial({ client, user: 'fred', collect, collected: () => readMaildir(maildir) });
    });
  }
});
