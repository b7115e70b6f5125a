/** alpine in a terminal: read, reply, flag, move, delete. It asks for its passwords, once for each server. */
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';
import { ANSWER, ASKED, assertReaderTrial, startReaderTrial, TO_DELETE, TO_FILE, TO_FLAG } from './reader-trial.ts';
import { openTerminal, type Terminal } from './terminal.ts';

describe('alpine', { skip: needs('alpine', 'tmux') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startReaderTrial();
  });
  after(() => client?.close());

  test('reads, replies, flags, moves and deletes', async () => {
    const rc = await client.write('pinerc', configuration(client));
    const terminal = await openTerminal(client, `alpine -p ${rc} -i`);
    try {
      await login(terminal, client);
      await terminal.shows(/Message \d of 4/);
      await readAndAnswer(terminal, client);
      await goTo(terminal, 2);
      await terminal.keys('*');
      await terminal.shows(/Flag New.*\?/);
      await terminal.keys('Enter');
      // An asterisk stands for what is flagged.
      await terminal.shows(new RegExp(`^\\*.*${TO_FLAG}`, 'm'));
      await goTo(terminal, 3);
      await terminal.keys('s');
      await terminal.shows(/SAVE Msg #3 to folder/);
      await terminal.types('Archive');
      await terminal.keys('Enter');
      await terminal.shows(new RegExp(`D +3 .*${TO_FILE}`));
      await goTo(terminal, 4);
      await terminal.keys('d');
      await terminal.shows(new RegExp(`D +4 .*${TO_DELETE}`));
      await terminal.keys('x');
      await terminal.hides(new RegExp(TO_DELETE));
      await assertReaderTrial(client);
      await terminal.keys('q');
      await terminal.ended();
    } finally {
      await terminal.close();
    }
  });
});

async function login(terminal: Terminal, client: ClientPeer): Promise<void> {
  await terminal.shows(/ENTER PASSWORD:/);
  await terminal.types(client.peer.password);
  await terminal.keys('Enter');
  await terminal.hides(/ENTER PASSWORD:/);
}

/** The messages stand in the order in which they came. */
async function goTo(terminal: Terminal, number: number): Promise<void> {
  await terminal.keys('j');
  await terminal.shows(/Message number to jump to/);
  await terminal.types(String(number));
  await terminal.keys('Enter');
  await terminal.shows(new RegExp(`Message ${number} of`));
}

async function readAndAnswer(terminal: Terminal, client: ClientPeer): Promise<void> {
  await goTo(terminal, 1);
  await terminal.keys('Enter');
  await terminal.shows(new RegExp(ASKED.replace('?', '\\?')));
  await terminal.keys('r');
  await terminal.shows(/Include original message in Reply\?/);
  await terminal.keys('n');
  await terminal.shows(/COMPOSE MESSAGE REPLY/);
  await terminal.types(ANSWER);
  await terminal.shows(new RegExp(ANSWER));
  await terminal.keys('C-x');
  await login(terminal, client);
  await terminal.hides(/COMPOSE MESSAGE REPLY/);
  await terminal.shows(/MESSAGE TEXT/);
  await terminal.keys('i');
  await terminal.shows(/MESSAGE INDEX/);
}

function configuration({ localhost }: ClientPeer): string {
  const server = `{localhost:${localhost.imaps}/ssl/user=pat@alpha.test}`;
  return `last-version-used=7.00
posting-character-set=UTF-8
personal-name=Pat
user-domain=alpha.test
customized-hdrs=From: Pat <pat@alpha.test>
alt-addresses=pat@alpha.test
inbox-path=${server}INBOX
folder-collections=Mail ${server}[]
postponed-folder=${server}Drafts
default-fcc=${server}Sent
smtp-server=localhost:${localhost.submissions}/ssl/user=pat@alpha.test
feature-list=enable-flag-cmd,quit-without-confirm,expunge-without-confirm,expunge-without-confirm-everywhere,
\tsend-without-confirm,disable-password-file-saving,allow-changing-from
`;
}
