/** Mail clients from Debian against one peer: they submit, collect, sync, read and reply. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readMailbox, submit, withImap } from '#test/support/mail-client.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { needs, runProgram, until } from './programs.ts';

describe('clients', () => {
  let peer: TestPeer;
  let folder: string;
  const person = (name: string) => ({ peer, address: `${name}@alpha.test` });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'peerpost-clients-'));
    peer = await startTestPeer({ domain: 'alpha.test', users: ['sam', 'mia', 'tom', 'fay', 'cur', 'pat'] });
  });
  after(async () => {
    await peer?.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [port, how] of [
    [587, '-tls'],
    [465, '--tls-on-connect'],
  ] as const) {
    test(`swaks submits with AUTH on ${port}`, { skip: needs('swaks') }, async () => {
      for (const mechanism of ['PLAIN', 'LOGIN']) {
        const { code, stdout } = await runProgram('swaks', [
          '--server',
          `${peer.host}:${peer.port(port)}`,
          how,
          '--auth',
          mechanism,
          '--auth-user',
          'sam@alpha.test',
          '--auth-password',
          peer.password,
          '--from',
          'sam@alpha.test',
          '--to',
          'sam@alpha.test',
          '--header',
          `Subject: swaks ${port} ${mechanism}`,
        ]);
        assert.equal(code, 0, stdout);
      }
      const messages = await readMailbox(person('sam'), 2);
      for (const mechanism of ['PLAIN', 'LOGIN'])
        assert.ok(messages.some((m) => m.includes(`swaks ${port} ${mechanism}`)));
    });
  }

  test('swaks may not send as somebody else, nor without a password', { skip: needs('swaks') }, async () => {
    const submissions = ['--server', `${peer.host}:${peer.port(465)}`, '--tls-on-connect', '--to', 'sam@alpha.test'];
    const forged = await runProgram('swaks', [
      ...submissions,
      '--auth',
      'PLAIN',
      '--auth-user',
      'sam@alpha.test',
      '--auth-password',
      peer.password,
      '--from',
      'mia@alpha.test',
    ]);
    assert.match(forged.stdout, /<(\*\*|~\*) +5\d\d 5\.7\.1/);
    const wrong = await runProgram('swaks', [
      ...submissions,
      '--auth',
      'PLAIN',
      '--auth-user',
      'sam@alpha.test',
      '--auth-password',
      'wrong',
      '--from',
      'sam@alpha.test',
    ]);
    assert.match(wrong.stdout, /535 5\.7\.8/);
    const nobody = await runProgram('swaks', [...submissions, '--from', 'sam@alpha.test']);
    assert.match(nobody.stdout, /530 5\.7\.0/);
  });

  test('mbsync syncs a mailbox both ways', { skip: needs('mbsync') }, async () => {
    const mia = person('mia');
    for (let i = 1; i <= 20; i++) await submit(mia, { to: mia.address, subject: `sync ${i}` });
    const maildir = join(folder, 'maildir');
    await mkdir(maildir);
    const rc = join(folder, 'mbsyncrc');
    await writeFile(
      rc,
      `IMAPAccount peer\nHost ${peer.host}\nPort ${peer.port(143)}\nUser ${mia.address}\nPass "${peer.password}"\nSSLType None\nAuthMechs PLAIN\n
IMAPStore far\nAccount peer\n\nMaildirStore near\nPath ${maildir}/\nInbox ${maildir}/INBOX\nSubFolders Verbatim\n
Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n`,
    );
    const sync = async () => {
      const { code, stderr, stdout } = await runProgram('mbsync', ['-c', rc, '-a'], { env: { HOME: folder } });
      assert.equal(code, 0, stderr + stdout);
    };
    await sync();
    const files = async (name: string) =>
      (await readdir(join(maildir, 'INBOX', name))).map((file) => join(maildir, 'INBOX', name, file));
    assert.equal((await files('new')).length + (await files('cur')).length, 20);
    // Changes on both sides: a new message and a new mailbox here, a flag and a removal there.
    await writeFile(
      join(maildir, 'INBOX', 'cur', '1.local:2,S'),
      'Subject: written near\nMessage-Id: <near@x>\n\nbody\n',
    );
    await withImap(mia, async (client) => {
      const lock = await client.getMailboxLock('INBOX');
      await client.messageFlagsAdd('1', ['\\Flagged']);
      await client.messageDelete('20');
      lock.release();
    });
    await sync();
    const messages = await readMailbox(mia, 20);
    assert.equal(messages.length, 20);
    assert.ok(messages.some((m) => m.includes('written near')));
    const near = [...(await files('new')), ...(await files('cur'))];
    assert.equal(near.length, 20);
    assert.ok(
      near.some((file) => /:2,[A-Z]*F/.test(file)),
      'the flag came near',
    );
    const texts = await Promise.all(near.map((file) => readFile(file, 'latin1')));
    assert.ok(!texts.some((text) => /^Subject: sync 20\r?$/m.test(text)), 'the removal came near');
  });

  test('fetchmail collects over IMAP', { skip: needs('fetchmail') }, async () => {
    const fay = person('fay');
    for (let i = 1; i <= 3; i++) await submit(fay, { to: fay.address, subject: `collect ${i}` });
    const rc = join(folder, 'fetchmailrc');
    await writeFile(
      rc,
      `poll ${peer.host} service ${peer.port(993)} protocol imap user "${fay.address}" password "${peer.password}" ssl sslproto "auto" no sslcertck nokeep mda "cat >> ${folder}/fetched"\n`,
      { mode: 0o600 },
    );
    const { code, stderr, stdout } = await runProgram(
      'fetchmail',
      ['-f', rc, '--nosyslog', '--pidfile', join(folder, 'fetchmail.pid')],
      {
        env: { HOME: folder, FETCHMAILHOME: folder },
      },
    );
    assert.equal(code, 0, stdout + stderr);
    const fetched = await readFile(join(folder, 'fetched'), 'latin1');
    for (let i = 1; i <= 3; i++) assert.match(fetched, new RegExp(`^Subject: collect ${i}`, 'm'));
    assert.equal((await readMailbox(fay, 0)).length, 0, 'nokeep leaves nothing');
  });

  test('curl submits, lists and collects', { skip: needs('curl') }, async () => {
    const cur = person('cur');
    const user = ['-sk', '--user', `${cur.address}:${peer.password}`];
    const sent = await runProgram(
      'curl',
      [
        ...user,
        '--ssl-reqd',
        `smtp://${peer.host}:${peer.port(587)}`,
        '--mail-from',
        cur.address,
        '--mail-rcpt',
        cur.address,
        '-T',
        '-',
      ],
      { input: 'Subject: by curl\r\n\r\nhello\r\n' },
    );
    assert.equal(sent.code, 0, sent.stderr);
    const listed = await runProgram('curl', [...user, `imaps://${peer.host}:${peer.port(993)}/`]);
    assert.match(listed.stdout, /^\* LIST \([^)]*\\Sent[^)]*\) "\/" "?Sent"?/m);
    const fetched = await runProgram('curl', [...user, `imaps://${peer.host}:${peer.port(993)}/INBOX;MAILINDEX=1`]);
    assert.match(fetched.stdout, /Subject: by curl\r\n/);
    assert.match(fetched.stdout, /^Date: /m, 'the submission server added the missing Date');
  });

  test('mutt reads and replies in a terminal', { skip: needs('mutt', 'tmux') }, async () => {
    const pat = person('pat');
    const tom = person('tom');
    await submit(tom, { to: pat.address, subject: 'a question', text: 'what is the answer?' });
    const rc = join(folder, 'muttrc');
    await writeFile(
      rc,
      `set folder="imaps://${peer.host}:${peer.port(993)}/"\nset spoolfile="+INBOX"\nset imap_user="${pat.address}"\nset imap_pass="${peer.password}"
set smtp_url="smtps://pat%40alpha.test@${peer.host}:${peer.port(465)}/"\nset smtp_pass="${peer.password}"\nset ssl_verify_host=no\nset ssl_verify_dates=no\nset certificate_file="${folder}/certificates"
set from="${pat.address}"\nset use_from=yes\nset editor="echo forty-two >"\nset record="+Sent"\nset include=no\nset fast_reply=yes\nset abort_unmodified=no\nset sleep_time=0\nset header_cache=""\n`,
    );
    const socket = join(folder, 'tmux.sock');
    const tmux = (...args: string[]) => runProgram('tmux', ['-S', socket, ...args], { env: { HOME: folder } });
    const screen = async () => (await tmux('capture-pane', '-p', '-t', 'mutt')).stdout;
    const shows = (pattern: RegExp) =>
      until(async () => pattern.test(await screen()), `mutt to show ${pattern}`, screen);
    await tmux('new-session', '-d', '-s', 'mutt', '-x', '120', '-y', '40', `LC_ALL=C.UTF-8 mutt -n -F ${rc}`);
    try {
      await shows(/accept always|\(o\)nce|a question/);
      if (/\(o\)nce/.test(await screen())) await tmux('send-keys', '-t', 'mutt', 'o');
      await shows(/a question/);
      await tmux('send-keys', '-t', 'mutt', 'Enter');
      await shows(/what is the answer\?/);
      await tmux('send-keys', '-t', 'mutt', 'r');
      await shows(/y:Send/);
      await tmux('send-keys', '-t', 'mutt', 'y');
      await until(
        async () => {
          if (/\(o\)nce/.test(await screen())) await tmux('send-keys', '-t', 'mutt', 'o');
          return /Mail sent/.test(await screen());
        },
        'mutt to send',
        async () => `${await screen()}\n${peer.log().slice(-1500)}`,
      );
      const [answer] = await readMailbox(tom, 1);
      assert.match(answer?.toString('latin1') ?? '', /Subject: Re: a question[\s\S]*forty-two/);
      const sent = await withImap(
        pat,
        async (client) => (await client.status('Sent', { messages: true })) as { messages: number },
      );
      assert.equal(sent.messages, 1);
    } finally {
      await tmux('kill-server');
    }
  });
});
