/** aerc in a terminal: read, reply, flag, move, delete. */
import { chmod, mkdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';
import {
  ANSWER,
  ASKED,
  assertReaderTrial,
  listed,
  QUESTION,
  startReaderTrial,
  TO_DELETE,
  TO_FILE,
  TO_FLAG,
} from './reader-trial.ts';
import { openTerminal, type Terminal } from './terminal.ts';

describe('aerc', { skip: needs('aerc', 'tmux') }, () => {
  let client: ClientPeer;
  before(async () => {
    client = await startReaderTrial();
  });
  after(() => client?.close());

  test('reads, replies, flags, moves and deletes', async () => {
    await configure(client);
    const terminal = await openTerminal(client, 'aerc');
    try {
      await only(terminal, QUESTION);
      await command(terminal, 'view');
      await terminal.shows(new RegExp(ASKED.replace('?', '\\?')));
      await command(terminal, 'reply');
      await terminal.shows(/Send this email\?/);
      await terminal.keys('y');
      await terminal.hides(/Send this email\?/);
      // What it says then is soon gone; the copy comes last.
      await listed(client, 'Sent', ({ length }) => length === 1, 'the copy of the answer');
      await command(terminal, 'close');
      await only(terminal, TO_FLAG);
      await command(terminal, 'flag');
      await terminal.shows(new RegExp(`!.*${TO_FLAG}`));
      await only(terminal, TO_FILE);
      await command(terminal, 'move Archive');
      await terminal.hides(new RegExp(` ${TO_FILE}`));
      await only(terminal, TO_DELETE);
      await command(terminal, 'delete');
      await terminal.hides(new RegExp(` ${TO_DELETE}`));
      await assertReaderTrial(client);
      await command(terminal, 'quit');
      await terminal.ended();
    } finally {
      await terminal.close();
    }
  });
});

async function command(terminal: Terminal, text: string): Promise<void> {
  await terminal.types(`:${text}`);
  await terminal.keys('Enter');
}

/** Leaves one message in the list, and selects it. */
async function only(terminal: Terminal, subject: string): Promise<void> {
  const others = [QUESTION, TO_FLAG, TO_FILE, TO_DELETE].filter((other) => other !== subject);
  await command(terminal, 'clear');
  await terminal.shows(new RegExp(`@alpha\\.test.* ${subject}`));
  await terminal.shows(new RegExp(`@alpha\\.test.* (${others.join('|')})`));
  await command(terminal, `filter ${subject}`);
  await terminal.hides(new RegExp(`@alpha\\.test.* (${others.join('|')})`));
  await terminal.shows(new RegExp(`@alpha\\.test.* ${subject}`));
  await command(terminal, 'select 0');
}

async function configure(client: ClientPeer): Promise<void> {
  const { localhost, peer } = client;
  const login = `pat%40alpha.test:${encodeURIComponent(peer.password)}@localhost`;
  await mkdir(client.path('.config/aerc'), { recursive: true });
  await client.write(
    '.config/aerc/accounts.conf',
    `[pat]
source = imaps://${login}:${localhost.imaps}
outgoing = smtps+plain://${login}:${localhost.submissions}
default = INBOX
from = Pat <pat@alpha.test>
copy-to = Sent
`,
  );
  await client.write('answer', `${ANSWER}\n`);
  const editor = await client.write('editor', `#!/bin/sh\nexec cp ${client.path('answer')} "$1"\n`);
  await chmod(editor, 0o700);
  await client.write('.config/aerc/aerc.conf', `[compose]\neditor=${editor}\n[filters]\ntext/plain=cat\n`);
}
