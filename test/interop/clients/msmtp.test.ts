/** msmtp submits as sendmail does: the message on its input, recipients from the headers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { assertSubmitted, BODY, SUBMISSION_WAYS } from './submission.ts';

describe('msmtp', { skip: needs('msmtp') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['ms', 'cc']);
  });
  after(() => client?.close());

  for (const { port, tls } of SUBMISSION_WAYS) {
    for (const auth of ['plain', 'login', 'scram-sha-256']) {
      test(`submits over ${tls} with ${auth}`, async () => {
        const rc = await client.write(
          'msmtprc',
          `account default
host localhost
port ${client.localhost[port]}
tls on
tls_starttls ${port === 'submission' ? 'on' : 'off'}
tls_trust_file ${client.caFile}
auth ${auth}
user ms@alpha.test
password ${client.peer.password}
from ms@alpha.test
`,
        );
        const subject = `msmtp ${port} ${auth}`;
        const head = ['From: ms@alpha.test', 'To: ms@alpha.test', 'Bcc: cc@alpha.test', `Subject: ${subject}`];
        const message = `${head.join('\n')}\nContent-Type: text/plain; charset=utf-8\n\n${BODY.join('\n')}\n`;
        const { code, stdout, stderr } = await client.run('msmtp', ['-C', rc, '-t'], message);
        assert.equal(code, 0, stdout + stderr);
        assert.equal(stderr, '');
        const text = await assertSubmitted(client, 'ms', subject);
        assert.doesNotMatch(text, /^Bcc:/im);
        await assertSubmitted(client, 'cc', subject);
      });
    }
  }

  test('says why when the password is wrong, and when there is no such recipient', async () => {
    const options = ['--host', 'localhost', '--port', String(client.localhost.submissions), '--tls=on'];
    const common = [...options, '--tls-starttls=off', `--tls-trust-file=${client.caFile}`, '--auth=plain'];
    const account = [...common, '--user=ms@alpha.test', '--from=ms@alpha.test'];
    const wrong = await client.run(
      'msmtp',
      [...account, '--passwordeval=echo wrong', 'ms@alpha.test'],
      'Subject: x\n\n',
    );
    assert.equal(wrong.code, 77, 'EX_NOPERM');
    assert.match(wrong.stderr, /535 5\.7\.8/);
    const password = `--passwordeval=echo ${client.peer.password}`;
    const nobody = await client.run('msmtp', [...account, password, 'nobody@alpha.test'], 'Subject: x\n\n');
    assert.equal(nobody.code, 65, 'EX_DATAERR');
    assert.match(nobody.stderr, /550 5\.1\.1/);
  });
});
