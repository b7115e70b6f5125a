/** swaks submits with each mechanism that it knows, and is refused what nobody may. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { assertSubmitted, BODY, SUBMISSION_WAYS } from './submission.ts';

describe('swaks', { skip: needs('swaks') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['sam', 'mia']);
  });
  after(() => client?.close());

  const swaks = (port: 'submission' | 'submissions', args: readonly string[]) => {
    const server = ['--server', `localhost:${client.localhost[port]}`, '--tls-verify', '--tls-ca-path', client.caFile];
    const tls = port === 'submission' ? '-tls' : '--tls-on-connect';
    return client.run('swaks', [...server, tls, '--to', 'sam@alpha.test', ...args]);
  };
  const login = (mechanism: string, password = client.peer.password) => [
    '--auth',
    mechanism,
    '--auth-user',
    'sam@alpha.test',
    '--auth-password',
    password,
  ];

  for (const { port, tls } of SUBMISSION_WAYS) {
    for (const mechanism of ['PLAIN', 'LOGIN']) {
      test(`submits over ${tls} with ${mechanism}`, async () => {
        const subject = `swaks ${port} ${mechanism}`;
        const mail = ['--from', 'sam@alpha.test', '--header', `Subject: ${subject}`, '--body', BODY.join('\\n')];
        const { code, stdout } = await swaks(port, [
          ...login(mechanism),
          ...mail,
          '--add-header',
          'Content-Type: text/plain; charset=utf-8',
        ]);
        assert.equal(code, 0, stdout);
        await assertSubmitted(client, 'sam', subject);
      });
    }
  }

  test('may not send as somebody else, nor without a password', async () => {
    const forged = await swaks('submissions', [...login('PLAIN'), '--from', 'mia@alpha.test']);
    assert.match(forged.stdout, /<(\*\*|~\*) +5\d\d 5\.7\.1/);
    const wrong = await swaks('submissions', [...login('PLAIN', 'wrong'), '--from', 'sam@alpha.test']);
    assert.match(wrong.stdout, /535 5\.7\.8/);
    const nobody = await swaks('submissions', ['--from', 'sam@alpha.test']);
    assert.match(nobody.stdout, /530 5\.7\.0/);
  });
});
