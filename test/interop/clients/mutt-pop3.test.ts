/** mutt over POP3 in a terminal: reads, deletes, and leaves what it hasn't deleted. */
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';
import { ASKED, listed, QUESTION, startReaderTrial, TO_DELETE } from './reader-trial.ts';
import { openTerminal } from './terminal.ts';

describe('mutt over POP3', { skip: needs('mutt', 'tmux') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startReaderTrial();
  });
  after(() => client?.close());

  test('reads and deletes', async () => {
    const { localhost, peer, caFile, home } = client;
    const rc = await client.write(
      'muttrc',
      `set folder="${home}"
set pop_user="pat@alpha.test"
set pop_pass="${peer.password}"
set pop_delete=no
set pop_checkinterval=1
set ssl_ca_certificates_file="${caFile}"
set certificate_file="${home}/certificates"
set delete=yes
set quit=yes
set sleep_time=0
set arrow_cursor=yes
set header_cache=""
set message_cachedir="${home}/cache"
`,
    );
    const terminal = await openTerminal(client, `mutt -n -F ${rc} -f pops://localhost:${localhost.pop3s}/`);
    try {
      await terminal.shows(/^->/m);
      for (const [subject, act, seen] of [
        [QUESTION, 'Enter', new RegExp(ASKED.replace('?', '\\?'))],
        [TO_DELETE, 'd', new RegExp(`D.*${TO_DELETE}`)],
      ] as const) {
        await terminal.keys('/');
        await terminal.shows(/Search for/);
        await terminal.keys('C-u');
        await terminal.types(`~s "${subject}"`);
        await terminal.keys('Enter');
        await terminal.shows(new RegExp(`^->.*${subject}`, 'm'));
        await terminal.keys(act);
        await terminal.shows(seen);
        if (act === 'Enter') await terminal.keys('i');
      }
      await terminal.keys('q');
      await terminal.ended();
    } finally {
      await terminal.close();
    }
    const gone = (messages: readonly { subject: string }[]) => messages.every(({ subject }) => subject !== TO_DELETE);
    await listed(client, 'INBOX', (messages) => messages.length === 3 && gone(messages), 'what stays');
  });
});
