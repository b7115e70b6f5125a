/**
 * Accounts move between us and Dovecot, both ways, with flags and internal dates: by isync, and copied message by message as imapsync does (which is not in Debian
 * main), once with Python's imaplib and once with imapflow.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Dovecot, startDovecot } from '../dovecot.ts';
import { needsRoot } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import {
  type Account,
  assertSame,
  fillMailbox,
  listMailbox,
  type NewMessage,
  withAccount,
  withMailbox,
} from './mailbox.ts';
import { trialMessages } from './messages.ts';

const MAILBOXES = ['INBOX', 'Archive', 'Work/Grüße & more'];
/** Keywords that stand on some of the copied messages. */
const KEYWORDS = ['$Forwarded', 'project'];

describe('between us and Dovecot', { skip: needsRoot('dovecot', 'mbsync', 'python3') }, () => {
  let client: ClientPeer;
  let dovecot: Dovecot;
  const far = (user: string): Account => ({ host: dovecot.host, port: dovecot.port, user, password: dovecot.password });

  before(async () => {
    dovecot = await startDovecot();
    client = await startClientPeer(['isa', 'out', 'in', 'flow', 'back']);
  });
  after(async () => {
    await client?.close();
    await dovecot?.close();
  });

  test('isync keeps flags and dates, both ways', async () => {
    const ours = client.account('isa');
    const theirs = far('isa');
    const here = trialMessages('ours', 150);
    const there = trialMessages('theirs', 150);
    await fillMailbox(ours, 'INBOX', here);
    await fillMailbox(theirs, 'INBOX', there);
    await fillMailbox(theirs, 'Archive', trialMessages('archive', 50));
    const rc = await client.write('mbsyncrc', isyncConfiguration(client, theirs));
    for (const round of ['once', 'twice']) {
      const { code, stdout, stderr } = await client.run('mbsync', ['-c', rc, '-a']);
      assert.equal(code, 0, round + stdout + stderr);
      assert.equal((await listMailbox(ours, 'INBOX')).length, 300);
      for (const mailbox of ['INBOX', 'Archive']) {
        assertSame(await listMailbox(ours, mailbox), await listMailbox(theirs, mailbox), mailbox, { dates: true });
      }
    }
  });

  for (const [how, users, copy] of [
    ['imaplib', ['out', 'in'], copyWithImaplib],
    ['imapflow', ['flow', 'back'], copyWithImapflow],
  ] as const) {
    test(`${how} copies mailboxes to Dovecot and back with flags, keywords and dates`, async () => {
      const [first, last] = users.map((user) => client.account(user)) as [Account, Account];
      for (const mailbox of MAILBOXES) await fillMailbox(first, mailbox, withKeywords(trialMessages('copy', 60)));
      await copy(client, first, far(first.user));
      await copy(client, far(first.user), last);
      for (const mailbox of MAILBOXES) {
        const original = await listMailbox(first, mailbox);
        assert.equal(original.length, 60);
        assert.ok(original.some(({ flags }) => KEYWORDS.every((keyword) => flags.includes(keyword))));
        assertSame(await listMailbox(far(first.user), mailbox), original, `${mailbox} in Dovecot`, { dates: true });
        assertSame(await listMailbox(last, mailbox), original, `${mailbox} back again`, { dates: true });
      }
    });
  }
});

const withKeywords = (messages: NewMessage[]): NewMessage[] =>
  messages.map((message, i) => (i % 5 === 0 ? { ...message, flags: [...message.flags, ...KEYWORDS] } : message));

function isyncConfiguration(client: ClientPeer, theirs: Account): string {
  return `IMAPAccount ours
Host localhost
Port ${client.localhost.imaps}
User isa@alpha.test
Pass "${client.peer.password}"
SSLType IMAPS
CertificateFile ${client.caFile}
AuthMechs PLAIN

IMAPAccount theirs
Host ${theirs.host}
Port ${theirs.port}
User ${theirs.user}
Pass ${theirs.password}
SSLType None
AuthMechs PLAIN

IMAPStore ours
Account ours

IMAPStore theirs
Account theirs

Channel both
Far :theirs:
Near :ours:
Patterns *
Create Both
CopyArrivalDate yes
SyncState ${client.home}/state-
`;
}

async function copyWithImaplib(client: ClientPeer, from: Account, to: Account): Promise<void> {
  const script = join(import.meta.dirname, 'copy_account.py');
  const { code, stdout, stderr } = await client.run('python3', [script], JSON.stringify({ from, to }));
  assert.equal(code, 0, stdout + stderr);
  assert.equal(stdout, 'copied 180\n');
}

async function copyWithImapflow(_client: ClientPeer, from: Account, to: Account): Promise<void> {
  await withAccount(to, async (target) => {
    const there = new Set((await target.list()).map(({ path }) => path));
    const mailboxes = await withAccount(from, async (source) => (await source.list()).map(({ path }) => path));
    for (const mailbox of mailboxes) {
      if (!there.has(mailbox)) await target.mailboxCreate(mailbox);
      await withMailbox(from, mailbox, async (source) => {
        if (source.mailbox === false || source.mailbox.exists === 0) return;
        const wanted = { uid: true, flags: true, internalDate: true, source: true };
        for await (const { flags, internalDate, source: raw } of source.fetch('1:*', wanted)) {
          const kept = [...(flags ?? [])].filter((flag) => flag !== '\\Recent');
          const appended = await target.append(mailbox, raw ?? '', kept, internalDate);
          assert.ok(appended);
        }
      });
    }
  });
}
