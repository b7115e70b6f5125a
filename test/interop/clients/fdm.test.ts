/** fdm collects over IMAP with TLS and sorts into maildirs by its rules. */
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

  test('collects all, once, and leaves nothing', async () => {
    const maildir = client.path('mail');
    const rc = await client.write(
      'fdm.conf',
      `set no-received
set verify-certificates
set lock-file "${client.path('fdm.lock')}"
set default-user "root"
account "peer" imaps server "localhost" port ${client.localhost.imaps} user "fred@alpha.test" pass "${client.peer.password}"
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
});
