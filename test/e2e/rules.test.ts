/** Filters and lists of senders over two running peers: set by command, seen in mailboxes, in the session of who sends, and where mail is sent on to. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { readMailbox, submit, withImap } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';
import { type SmtpReply, SmtpWire } from '#test/support/wire.ts';

const ALICE = 'alice@alpha.test';
const BOB = 'bob@beta.test';

describe('rules for mail', { timeout: 240_000 }, () => {
  let internet: Internet;
  let alpha: TestPeer;
  before(async () => {
    internet = await startInternet({ domains: { 'alpha.test': ['alice', 'carol'], 'beta.test': ['bob'] } });
    alpha = internet.peer('alpha.test');
  });
  after(() => internet?.close());

  const at = (address: string) => ({ peer: internet.peer(address.split('@')[1]!), address });

  async function command(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await alpha.cli([...args, '--json']);
    assert.equal(code, 0, stderr);
    return stdout;
  }
  async function filters(...wanted: readonly object[]): Promise<void> {
    const file = join(alpha.data, '..', 'filters.json');
    await writeFile(file, JSON.stringify(wanted));
    await command('account', 'filters', ALICE, '--apply', file);
  }
  /** From a peer that nobody knows. */
  async function write(subject: string, { from = 'x@far.test', to = ALICE, text = 'text' } = {}): Promise<SmtpReply> {
    const smtp = await SmtpWire.open(alpha.host, alpha.port(25));
    const reply = await smtp.data(from, to, Buffer.from(`From: <${from}>\r\nSubject: ${subject}\r\n\r\n${text}\r\n`));
    await smtp.close();
    return reply;
  }
  const subjects = async (mailbox: string, count: number, address = ALICE): Promise<string[]> =>
    (await readMailbox(at(address), count, mailbox)).map((one) => /^Subject: (.*)\r$/m.exec(String(one))?.[1] ?? '');
  const flags = (mailbox: string): Promise<string[][]> =>
    withImap(at(ALICE), async (client) => {
      await client.mailboxOpen(mailbox);
      const found: string[][] = [];
      for await (const one of client.fetch('1:*', { flags: true })) found.push([...(one.flags ?? [])].sort());
      return found;
    });

  test('filters place, mark, drop and send on', async () => {
    await filters(
      { name: 'gone', when: { subject: 'lottery' }, then: { discard: true }, stop: true },
      { name: 'invoices', when: { text: 'RECHNUNG' }, then: { mailbox: 'Archive', keywords: ['$flagged', 'paid'] } },
      { name: 'spam', when: { header: { name: 'subject', contains: 'spam' } }, then: { junk: true } },
      { name: 'on', when: { subject: 'for two' }, then: { forward: [BOB] } },
      { name: 'away', when: { subject: 'for bob' }, then: { forward: [BOB], discard: true } },
    );
    const long = `${'line\r\n'.repeat(5_000)}die Rechnung\r\n`;
    const letters: readonly (readonly [string, string?])[] = [
      ['the LOTTERY'],
      ['an invoice', 'Die Rechnung'],
      ['a long invoice', long],
      ['spam and eggs'],
      ['for two'],
      ['for bob'],
      ['plain'],
    ];
    for (const [subject, text] of letters) assert.equal((await write(subject, { text: text ?? '' })).code, 250);
    assert.deepEqual(await subjects('INBOX', 2), ['for two', 'plain']);
    assert.deepEqual(await subjects('Archive', 2), ['an invoice', 'a long invoice']);
    assert.deepEqual(await flags('Archive'), [
      ['\\Flagged', 'paid'],
      ['\\Flagged', 'paid'],
    ]);
    assert.deepEqual(await subjects('Junk', 1), ['spam and eggs']);
    assert.deepEqual([await subjects('Trash', 1), await flags('Trash')], [['for bob'], [['\\Seen']]]);
    assert.deepEqual((await subjects('INBOX', 2, BOB)).sort(), ['for bob', 'for two']);
    const [sent] = await readMailbox(at(BOB), 2);
    assert.match(String(sent), /^Return-Path: <x@far\.test>\r\n/);
  });

  test('what is sent on in a circle ends, and is kept', async () => {
    await filters({ name: 'on', when: { subject: 'circle' }, then: { forward: [BOB] } });
    const { code, stderr } = await internet.peer('beta.test').cli(['account', 'forward', BOB, ALICE]);
    assert.equal(code, 0, stderr);
    const before = (await subjects('INBOX', 2)).length;
    assert.equal((await write('circle')).code, 250);
    const found = await subjects('INBOX', before + 2);
    assert.deepEqual(found.slice(before), ['circle', 'circle']);
    await internet.peer('beta.test').cli(['account', 'forward', BOB, '--off']);
  });

  test('who is blocked by the account is refused in the session, but for postmaster', async () => {
    await filters({ name: 'junk', when: {}, then: { junk: true } });
    await command('account', 'senders', ALICE, '--block', '.far.test', '--allow', 'friend@far.test');
    const refused = await write('blocked');
    assert.equal(refused.code, 550);
    assert.match(refused.text, /^550[ -]5\.7\.1 /);
    assert.equal((await write('to carol', { to: 'carol@alpha.test' })).code, 250);
    assert.equal((await write('to postmaster', { to: 'postmaster@alpha.test' })).code, 250);
    const before = (await subjects('INBOX', 4)).length;
    assert.equal((await write('from a friend', { from: 'friend@far.test' })).code, 250);
    assert.deepEqual((await subjects('INBOX', before + 1)).at(-1), 'from a friend');
    await command('account', 'senders', ALICE, '--remove', '.far.test', 'friend@far.test');
    assert.equal((await write('again')).code, 250);
    await filters();
  });

  test('who is blocked by the peer is refused before the content; users are not', async () => {
    await command('senders', '--block', '@far.test');
    const refused = await write('blocked');
    assert.equal(refused.code, 550);
    assert.match(refused.text, /takes no mail from x@far\.test/);
    assert.equal((await write('a complaint', { to: 'abuse@alpha.test' })).code, 250);
    await submit(at('carol@alpha.test'), { to: ALICE, subject: 'from carol' });
    await command('senders', '--remove', '@far.test');
    assert.equal((await write('again')).code, 250);
  });

  test('a message that is here tells what the filters would do', async () => {
    await filters({ name: 'mine', when: { subject: 'plain' }, then: { mailbox: 'Archive' } });
    const id = await withImap(at(ALICE), async (client) => {
      await client.mailboxOpen('INBOX');
      const [uid] = (await client.search({ subject: 'plain' }, { uid: true })) || [];
      const found = await client.fetchOne(String(uid), { uid: true }, { uid: true });
      return found ? found.emailId : undefined;
    });
    const tried = JSON.parse(await command('account', 'filters', ALICE, '--test', String(id)));
    assert.deepEqual([tried.place, tried.sender, tried.matched[0].name], ['mailbox', 'unlisted', 'mine']);
  });
});
