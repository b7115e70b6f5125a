/** Python's imaplib drives every command that it knows. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';

describe('imaplib', { skip: needs('python3') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['pia'], '[limits]\nquota = "1GB"');
  });
  after(() => client?.close());

  test('drives every command that it knows', async (t) => {
    const script = join(import.meta.dirname, 'imaplib_commands.py');
    const login = { user: 'pia@alpha.test', password: client.peer.password };
    const settings = JSON.stringify({ host: 'localhost', port: client.localhost.imap, ca: client.caFile, ...login });
    const { code, stdout, stderr } = await client.run('python3', [script], settings);
    assert.equal(code, 0, stdout + stderr);
    t.diagnostic(stdout.trim());
  });
});
