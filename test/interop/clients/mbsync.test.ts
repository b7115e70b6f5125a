/** isync's mbsync and one mailbox of 5,000 messages, changed on both sides. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { runSyncTrial } from './sync-trial.ts';

describe('mbsync', { skip: needs('mbsync') }, () => {
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
      'mbsyncrc',
      `FSync no

IMAPAccount peer
Host localhost
Port ${client.localhost.imaps}
User mia@alpha.test
Pass "${peer.password}"
SSLType IMAPS
CertificateFile ${client.caFile}
AuthMechs PLAIN

IMAPStore far
Account peer

MaildirStore near
Path ${maildirs}/
Inbox ${maildirs}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
`,
    );
    const sync = async () => {
      const { code, stderr, stdout } = await client.run('mbsync', ['-c', rc, '-a']);
      assert.equal(code, 0, stderr + stdout);
      assert.doesNotMatch(stderr, /warning|error/i);
    };
    const { messages, changes } = await runSyncTrial({ account: client.account('mia'), maildirs, sync });
    t.diagnostic(`${messages} messages, ${changes} changes`);
  });
});
