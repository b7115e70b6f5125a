/** Python's poplib: every method that it has. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { fillMailbox } from './mailbox.ts';
import { trialMessages } from './messages.ts';

describe('poplib', { skip: needs('python3') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['lib']);
    await fillMailbox(client.account('lib'), 'INBOX', trialMessages('poplib', 14));
  });
  after(() => client?.close());

  test('every method', async () => {
    const { localhost, peer, caFile } = client;
    const script = new URL('poplib_commands.py', import.meta.url).pathname;
    const ports = [localhost.pop3, localhost.pop3s].map(String);
    const { code, stdout, stderr } = await client.run('python3', [
      script,
      ...ports,
      'lib@alpha.test',
      peer.password,
      caFile,
    ]);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr, '');
    assert.match(stdout, /^ok\n$/);
  });
});
