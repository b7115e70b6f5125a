/** OfflineIMAP and one mailbox of 5,000 messages, changed on both sides. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { runSyncTrial } from './sync-trial.ts';

describe('offlineimap', { skip: needs('offlineimap') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['mia']);
  });
  after(() => client?.close());

  test('syncs 5,000 messages both ways, nothing lost or doubled', async (t) => {
    const { peer } = client;
    const maildirs = client.path('mail');
    await mkdir(maildirs);
    const rc = await client.write(
      'offlineimaprc',
      `[general]
accounts = trial
metadata = ${client.path('metadata')}
fsync = false

[Account trial]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = ${maildirs}

[Repository far]
type = IMAP
remotehost = localhost
remoteport = ${client.localhost.imaps}
ssl = yes
sslcacertfile = ${client.caFile}
remoteuser = mia@alpha.test
remotepass = ${peer.password}
maxconnections = 2
`,
    );
    const sync = async () => {
      const { code, stderr, stdout } = await client.run('offlineimap', ['-o', '-c', rc, '-u', 'basic']);
      assert.equal(code, 0, stderr + stdout);
      assert.doesNotMatch(stderr + stdout, /warning|error/i);
    };
    const { messages, changes } = await runSyncTrial({ account: client.account('mia'), maildirs, sync });
    t.diagnostic(`${messages} messages, ${changes} changes`);
  });
});
