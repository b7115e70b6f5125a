/** imapfilter sorts by a rule in Lua: searches, flags, moves, copies and deletes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import { type ClientPeer, startClientPeer } from './client-peer.ts';
import { fillMailbox, listMailbox } from './mailbox.ts';
import { trialId, trialMessages } from './messages.ts';

describe('imapfilter', { skip: needs('imapfilter') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startClientPeer(['lua']);
  });
  after(() => client?.close());

  test('sorts a mailbox by its rules', async () => {
    const { peer } = client;
    const account = client.account('lua');
    const messages = trialMessages('sort', 60).map((message) => ({ ...message, flags: [] }));
    await fillMailbox(account, 'INBOX', messages);
    const config = await client.write(
      'config.lua',
      `options.timeout = 60
options.create = true
options.subscribe = true
me = IMAP { server = 'localhost', port = ${client.localhost.imaps}, username = 'lua@alpha.test', password = '${peer.password}', ssl = 'auto' }
fives = me.INBOX:contain_from('from5@')
fives:move_messages(me['Sorted/Fives'])
html = me.INBOX:contain_field('Content-Type', 'text/html') * me.INBOX:is_unseen()
html:mark_flagged()
html:copy_messages(me['Sorted/Pages'])
dots = me.INBOX:contain_body('dots') + me.INBOX:contain_subject('sort 7')
dots:mark_seen()
me.INBOX:match_field('Message-ID', 'sort[.]1[01]@'):delete_messages()
exist, recent, unread = me.INBOX:check_status()
mailboxes, folders = me:list_subscribed('', 'Sorted/*')
print('unread', unread, 'subscribed', #mailboxes)
`,
    );
    const { code, stdout, stderr } = await client.run('imapfilter', ['-c', config, '-t', client.caFile]);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr.replaceAll(/^imapfilter: IMAP \(3\): \w+ NO \[TRYCREATE\][^\n]*\n/gm, ''), '');
    const all = messages.map((_, i) => i);
    const fives = all.filter((i) => i % 17 === 5);
    const stay = all.filter((i) => !fives.includes(i));
    const pages = stay.filter((i) => i % 7 === 6);
    const seen = stay.filter((i) => i % 7 === 3 || i === 7);
    const left = stay.filter((i) => i !== 10 && i !== 11);
    const flags = (i: number) => [...(pages.includes(i) ? ['\\Flagged'] : []), ...(seen.includes(i) ? ['\\Seen'] : [])];
    const listed = async (mailbox: string) => (await listMailbox(account, mailbox)).map(({ id, flags }) => [id, flags]);
    assert.deepEqual(
      await listed('INBOX'),
      left.map((i) => [trialId('sort', i), flags(i)]),
    );
    assert.deepEqual(
      await listed('Sorted/Fives'),
      fives.map((i) => [trialId('sort', i), []]),
    );
    assert.deepEqual(
      await listed('Sorted/Pages'),
      pages.map((i) => [trialId('sort', i), ['\\Flagged']]),
    );
    const unread = left.filter((i) => !seen.includes(i)).length;
    assert.match(stdout, new RegExp(`unread\\t?\\s*${unread}\\s+subscribed\\s+2`));
  });
});
