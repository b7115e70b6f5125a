/** curl submits; lists, searches, collects and appends over IMAP; lists, collects and deletes over POP3. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs, type Ran } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { assertSubmitted, BODY, SUBMISSION_WAYS } from './submission.ts';

describe('curl', { skip: needs('curl') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['cur', 'una', 'pop']);
  });
  after(() => client?.close());

  const curl = (user: string, args: readonly string[], input?: string): Promise<Ran> =>
    client.run(
      'curl',
      ['-sS', '--cacert', client.caFile, '--user', `${user}@alpha.test:${client.peer.password}`, ...args],
      input,
    );
  const succeeds = async (user: string, args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await curl(user, args, input);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    return stdout;
  };

  for (const { port, tls } of SUBMISSION_WAYS) {
    for (const auth of ['PLAIN', 'LOGIN']) {
      test(`submits over ${tls} with ${auth}`, async () => {
        const url = `${port === 'submission' ? 'smtp' : 'smtps'}://localhost:${client.localhost[port]}`;
        const envelope = [
          '--mail-from',
          'cur@alpha.test',
          '--mail-rcpt',
          'cur@alpha.test',
          '--mail-rcpt',
          'una@alpha.test',
        ];
        const subject = `curl ${port} ${auth}`;
        const message = `Subject: ${subject}\r\n\r\n${BODY.join('\r\n')}\r\n`;
        await succeeds('cur', ['--ssl-reqd', '--login-options', `AUTH=${auth}`, url, ...envelope, '-T', '-'], message);
        // Date and Message-ID were missing: the submission server adds them (RFC 6409 §8).
        await assertSubmitted(client, 'cur', subject);
        await assertSubmitted(client, 'una', subject);
      });
    }
  }

  test('lists, searches, collects, appends and changes over IMAP', async () => {
    const url = `imaps://localhost:${client.localhost.imaps}`;
    assert.match(await succeeds('cur', [`${url}/`]), /^\* LIST \([^)]*\\Sent[^)]*\) "\/" "?Sent"?/m);
    const written = 'Subject: appended\r\n\r\nby curl\r\n';
    await succeeds('cur', [`${url}/Drafts`, '-T', await client.write('written', written)]);
    assert.equal(await succeeds('cur', [`${url}/Drafts;MAILINDEX=1`]), written);
    assert.equal(await succeeds('cur', [`${url}/Drafts;MAILINDEX=1;SECTION=TEXT`]), 'by curl\r\n');
    assert.match(await succeeds('cur', [`${url}/INBOX?SUBJECT%20submissions`]), /^\* SEARCH( \d+){2}\r\n/m);
    assert.match(await succeeds('cur', [`${url}/Drafts`, '-X', 'STORE 1 +FLAGS (\\Deleted)']), /\\Deleted/);
    assert.match(await succeeds('cur', [`${url}/Drafts`, '-X', 'EXPUNGE']), /^\* 1 EXPUNGE\r\n/m);
    assert.match(await succeeds('cur', [url, '-X', 'CREATE by-curl']), /^$/);
    assert.match(
      await succeeds('cur', [url, '-X', 'STATUS by-curl (MESSAGES)']),
      /^\* STATUS "?by-curl"? \(MESSAGES 0\)\r\n/m,
    );
  });

  for (const [url, how] of [
    [() => `pop3s://localhost:${client.localhost.pop3s}`, 'TLS'],
    [() => `pop3://localhost:${client.localhost.pop3}`, 'STLS'],
  ] as const) {
    for (const auth of ['*', 'PLAIN']) {
      test(`lists, collects and deletes over POP3 with ${how} and ${auth}`, async () => {
        const text = `Subject: pop\r\n\r\n.one\r\n..two\r\n.\r\n${how} ${auth}\r\n`;
        const imaps = `imaps://localhost:${client.localhost.imaps}/INBOX`;
        await succeeds('pop', [imaps, '-T', await client.write('pop', text)]);
        const pop = (...args: string[]) => succeeds('pop', ['--ssl-reqd', '--login-options', `AUTH=${auth}`, ...args]);
        assert.equal(await pop(`${url()}/`), `1 ${text.length}\r\n`);
        assert.match(await pop(url(), '-X', 'UIDL'), /^1 m\w+\r\n$/);
        assert.equal(await pop(`${url()}/1`), text);
        assert.equal(await pop(url(), '-X', 'TOP 1 1'), text.split('\r\n').slice(0, 3).join('\r\n').concat('\r\n'));
        await pop(`${url()}/1`, '-I', '-X', 'DELE');
        // curl shows the line end in front of the dot where no line is.
        assert.match(await pop(`${url()}/`), /^(?:\r\n)?$/);
      });
    }
  }

  test('is refused with a wrong password', async () => {
    const login = ['--user', 'cur@alpha.test:wrong'];
    const { code, stderr } = await curl('cur', [...login, `imaps://localhost:${client.localhost.imaps}/`]);
    assert.equal(code, 67, stderr);
  });
});
