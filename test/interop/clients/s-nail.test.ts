/** s-nail writes and submits a message, and reads it over IMAP. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { assertSubmitted, BODY, SUBMISSION_WAYS } from './submission.ts';

describe('s-nail', { skip: needs('s-nail') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['sue']);
  });
  after(() => client?.close());

  const login = () => `sue%40alpha.test:${encodeURIComponent(client.peer.password)}`;
  const settings = (more: readonly string[]) =>
    ['v15-compat=yes', 'ttycharset=utf-8', `tls-ca-file=${client.caFile}`, 'tls-verify=strict', ...more].map(
      (s) => `-S${s}`,
    );

  for (const { port, tls } of SUBMISSION_WAYS) {
    test(`submits over ${tls}`, async () => {
      const scheme = port === 'submission' ? 'smtp' : 'smtps';
      const options = settings([
        `mta=${scheme}://${login()}@localhost:${client.localhost[port]}`,
        ...(port === 'submission' ? ['smtp-use-starttls'] : []),
        'from=sue@alpha.test',
        'smtp-auth=plain',
        'mime-encoding=8bit',
      ]);
      const subject = `s-nail ${port}`;
      const args = ['-:/', ...options, '-s', subject, 'sue@alpha.test'];
      const { code, stdout, stderr } = await client.run('s-nail', args, `${BODY.join('\n')}\n`);
      assert.equal(code, 0, stdout + stderr);
      assert.equal(stderr, '');
      await assertSubmitted(client, 'sue', subject);
    });
  }

  test('reads it over IMAP', async () => {
    const folder = `imaps://${login()}@localhost:${client.localhost.imaps}/INBOX`;
    const args = [
      '-:/',

      ...settings(['imap-auth=login']),
      '-Y',
      'headers',
      '-Y',
      'print 1',
      '-Y',
      'xit',
      '-f',
      folder,
    ];
    const { code, stdout, stderr } = await client.run('s-nail', args);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /s-nail submission/);
    assert.ok(stdout.includes('..two dots'), stdout);
  });
});
