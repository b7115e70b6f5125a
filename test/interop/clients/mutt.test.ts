/** mutt and neomutt in a terminal: read, reply, flag, move, delete. */
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';
import {
  ANSWER,
  ASKED,
  assertReaderTrial,
  QUESTION,
  startReaderTrial,
  TO_DELETE,
  TO_FILE,
  TO_FLAG,
} from './reader-trial.ts';
import { openTerminal, type Terminal } from './terminal.ts';

for (const program of ['mutt', 'neomutt']) {
  describe(program, { skip: needs(program, 'tmux') }, () => {
    let client: ClientPeer;
    before(async () => {
      client = await startReaderTrial();
    });
    after(() => client?.close());

    test('reads, replies, flags, moves and deletes', async () => {
      const rc = await client.write('muttrc', configuration(client));
      await client.write('answer', `${ANSWER}\n`);
      const terminal = await openTerminal(client, `${program} -n -F ${rc}`);
      try {
        await readAndAnswer(terminal);
        await goTo(terminal, TO_FLAG);
        await terminal.keys('F');
        await terminal.shows(new RegExp(`!.*${TO_FLAG}`));
        await goTo(terminal, TO_FILE);
        await terminal.keys('s');
        await terminal.shows(/Save to mailbox/);
        await terminal.keys('C-u');
        await terminal.types('=Archive');
        await terminal.keys('Enter');
        await terminal.shows(new RegExp(`D.*${TO_FILE}`));
        await goTo(terminal, TO_DELETE);
        await terminal.keys('d');
        await terminal.shows(new RegExp(`D.*${TO_DELETE}`));
        await terminal.keys('$');
        await terminal.hides(new RegExp(TO_DELETE));
        await assertReaderTrial(client);
        await terminal.keys('q');
        await terminal.ended();
      } finally {
        await terminal.close();
      }
    });
  });
}

async function readAndAnswer(terminal: Terminal): Promise<void> {
  await goTo(terminal, QUESTION);
  await terminal.keys('Enter');
  await terminal.shows(new RegExp(ASKED.replace('?', '\\?')));
  await terminal.keys('r');
  await terminal.shows(/y:Send/);
  await terminal.keys('y');
  await terminal.shows(/Mail sent/);
  await terminal.keys('i');
}

/** Searches in the list, where an arrow shows the current message. */
async function goTo(terminal: Terminal, subject: string): Promise<void> {
  await terminal.shows(/^->/m);
  await terminal.keys('/');
  await terminal.shows(/Search for/);
  await terminal.keys('C-u');
  await terminal.types(`~s "${subject}"`);
  await terminal.keys('Enter');
  await terminal.shows(new RegExp(`^->.*${subject}`, 'm'));
}

function configuration({ localhost, peer, caFile, home }: ClientPeer): string {
  return `set folder="imaps://localhost:${localhost.imaps}/"
set spoolfile="+INBOX"
set imap_user="pat@alpha.test"
set imap_pass="${peer.password}"
set smtp_url="smtps://pat%40alpha.test@localhost:${localhost.submissions}/"
set smtp_pass="${peer.password}"
set ssl_ca_certificates_file="${caFile}"
set certificate_file="${home}/certificates"
set from="pat@alpha.test"
set use_from=yes
set editor="cp ${home}/answer"
set record="+Sent"
set include=no
set fast_reply=yes
set abort_unmodified=no
set confirmappend=no
set confirmcreate=no
set delete=yes
set quit=yes
set sleep_time=0
set arrow_cursor=yes
set header_cache=""
set send_charset="utf-8"
`;
}
