/** `peerpost account import` from Debian's Dovecot: thousands of messages, the command killed in between, and nothing comes twice. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { type Account, assertSame, fillMailbox, listMailbox, withAccount } from './clients/mailbox.ts';
import { trialMessages } from './clients/messages.ts';
import { type Dovecot, startDovecot } from './dovecot.ts';
import { needsRoot } from './programs.ts';

const cli = join(import.meta.dirname, '../../scripts/cli/main.ts');
const MESSAGES = Number(process.env.MESSAGES ?? 5000);
const INTERRUPTIONS = 2;

describe('peerpost account import from Dovecot', { skip: needsRoot('dovecot') }, () => {
  let dovecot: Dovecot;
  let peer: TestPeer;
  before(async () => {
    dovecot = await startDovecot();
    peer = await startTestPeer({ domain: 'alpha.test', users: ['alice'] });
  });
  after(async () => {
    await peer?.close();
    await dovecot?.close();
  });

  const there = (): Account => ({ host: dovecot.host, port: dovecot.port, user: 'mover', password: dovecot.password });
  const here = (): Account => ({
    host: peer.host,
    port: peer.port(143),
    user: 'alice@alpha.test',
    password: peer.password,
  });

  function start() {
    const from = `imap://mover@${dovecot.host}:${dovecot.port}`;
    const args = ['account', 'import', 'alice@alpha.test', '--from', from, '--password-stdin', '--insecure', '--json'];
    const child = spawn(process.execPath, [cli, ...args, '--config', peer.config], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stdin.end(`${dovecot.password}\n`);
    return { child, out: () => out, ended: once(child, 'close').then(([code]) => code as number | null) };
  }

  const copiedHere = (): Promise<number> =>
    withAccount(here(), async (client) => {
      const { messages } = (await client.status('INBOX', { messages: true })) as { messages: number };
      return messages;
    });

  test(`${MESSAGES} messages come over through ${INTERRUPTIONS} kills, each once`, async (t) => {
    await fillMailbox(there(), 'INBOX', trialMessages('inbox', MESSAGES - 200));
    await fillMailbox(there(), 'Work/Grüße & more', trialMessages('work', 100));
    await fillMailbox(there(), 'Sent', trialMessages('sent', 100));
    for (let i = 1; i <= INTERRUPTIONS; i++) {
      const wanted = ((MESSAGES - 200) * i) / (INTERRUPTIONS + 1);
      const { child, ended } = start();
      while (child.exitCode === null && (await copiedHere()) < wanted) await pause(20);
      child.kill('SIGKILL');
      await ended;
      const copied = await copiedHere();
      t.diagnostic(`killed at ${copied} of ${MESSAGES - 200}`);
      assert.ok(copied < MESSAGES - 200, 'it was killed before it was through');
    }
    const begin = performance.now();
    const { ended, out } = start();
    assert.equal(await ended, 0, out());
    const { copied, failed } = JSON.parse(out().trim().split('\n').at(-1)!) as { copied: number; failed: number };
    t.diagnostic(`the rest, ${copied} messages, in ${Math.round(performance.now() - begin)} ms`);
    assert.equal(failed, 0);
    for (const mailbox of ['INBOX', 'Work/Grüße & more', 'Sent']) {
      assertSame(await listMailbox(here(), mailbox), await listMailbox(there(), mailbox), mailbox, { dates: true });
    }
  });

  test('what comes later, and flags that change, follow; a mailbox that was made anew brings nothing twice', async () => {
    await withAccount(there(), async (client) => {
      await client.mailboxOpen('Sent');
      await client.messageFlagsAdd('1:10', ['\\Flagged', 'project']);
      await client.messageFlagsRemove('1:10', ['\\Seen']);
      // The same messages under another UIDVALIDITY.
      await client.mailboxRename('Work/Grüße & more', 'Other');
      await client.mailboxCreate('Work/Grüße & more');
      await client.mailboxOpen('Other');
      await client.messageCopy('1:*', 'Work/Grüße & more');
      await client.mailboxClose();
      await client.mailboxDelete('Other');
    });
    await fillMailbox(there(), 'Sent', trialMessages('later', 5));
    const { ended, out } = start();
    assert.equal(await ended, 0, out());
    assert.equal((JSON.parse(out().trim().split('\n').at(-1)!) as { copied: number }).copied, 5);
    for (const mailbox of ['Work/Grüße & more', 'Sent']) {
      assertSame(await listMailbox(here(), mailbox), await listMailbox(there(), mailbox), mailbox, { dates: true });
    }
  });
});
