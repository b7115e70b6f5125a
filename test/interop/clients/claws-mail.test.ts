/** Claws Mail under Xvfb: set up by a profile, it collects, shows, answers and sends, and deletes; its dialogs and keys by xdotool. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { readMailbox } from '#test/support/mail-client.ts';
import { needs, until } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';
import { type Display, startDisplay } from './display.ts';
import { listed, QUESTION, startReaderTrial, TO_DELETE } from './reader-trial.ts';

/** What xdotool types: the letters of any keyboard. */
const ANSWER = 'forty-two';

describe('Claws Mail', { skip: needs('claws-mail', 'Xvfb', 'xdotool', 'import') }, () => {
  let client: ClientPeer;
  let display: Display;
  let program: ChildProcess;
  let output = '';

  before(async () => {
    client = await startReaderTrial();
    display = await startDisplay();
    await configure(client);
    const env = { ...process.env, ...client.env, DISPLAY: display.name };
    program = spawn('claws-mail', ['--alternate-config-dir', client.path('claws')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [program.stdout, program.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
  });
  after(async () => {
    if (program?.exitCode === null && program.signalCode === null) {
      const gone = once(program, 'exit');
      program.kill('SIGKILL');
      await gone;
    }
    await display?.close();
    await client?.close();
  });

  const onDisplay = (...command: string[]) => client.run('env', [`DISPLAY=${display.name}`, ...command]);
  /** Commands to the running program, which answers none of them while a dialog is open. */
  const tell = (...args: string[]) =>
    onDisplay('timeout', '5', 'claws-mail', '--alternate-config-dir', client.path('claws'), ...args);
  const xdotool = async (...args: string[]) => (await onDisplay('timeout', '5', 'xdotool', ...args)).stdout;
  const windowNamed = async (name: string) =>
    (await xdotool('search', '--onlyvisible', '--name', name)).trim().split('\n').at(-1) || undefined;
  const toWindow = async (name: string) => {
    const window = await until(
      () => windowNamed(name),
      `the window "${name}"`,
      async () => output,
    );
    await xdotool('windowfocus', '--sync', window);
  };
  const evidence = async () => `${await display.screenshot('claws-mail-failed')}\n${output}`;
  /** Answers the dialog each time that it comes, until `look` has found what it waits for. */
  const withPassword = <T>(look: () => Promise<T | undefined | false>, what: string): Promise<T> =>
    until(
      async () => {
        if (await windowNamed('Input password')) {
          await toWindow('Input password');
          await xdotool('type', '--delay', '20', client.peer.password);
          await xdotool('key', 'Return');
          await until(async () => !(await windowNamed('Input password')), 'the password to be taken', evidence);
        }
        return await look();
      },
      what,
      evidence,
    );

  test('collects, shows, answers and deletes', async (t) => {
    await toWindow('Claws Mail 4');
    await tell('--receive-all');
    const shown = async () => {
      const { stdout } = await tell('--status-full');
      return /^ +\d+ +\d+ +4 #imap\/Pat\/INBOX$/m.test(stdout);
    };
    await withPassword(shown, 'four messages');
    await tell('--select', '#imap/Pat/INBOX/1');
    // A message that is shown is marked as read.
    await withPassword(() => seen(client, QUESTION), 'the question to be read');
    t.diagnostic(`screenshot: ${await display.screenshot('claws-mail')}`);
    await toWindow('Pat - Claws Mail');
    await xdotool('key', 'ctrl+r');
    await toWindow('Re: a question');
    await xdotool('type', '--delay', '20', ANSWER);
    await xdotool('key', 'ctrl+Return');
    await withPassword(
      async () => (await listed(client, 'Sent', () => true, 'anything')).length === 1,
      'the copy of the answer',
    );
    const [answer] = await readMailbox(client.person('tom'), 1);
    assert.match(answer?.toString('latin1') ?? '', /^Subject: Re: a question\r\n[\s\S]*forty-two/m);
    await listed(
      client,
      'INBOX',
      (all) => all.some(({ subject, flags }) => subject === QUESTION && flags.includes('\\Answered')),
      'the answered question',
    );
    await tell('--select', '#imap/Pat/INBOX/4');
    await until(() => seen(client, TO_DELETE), 'the last message to be read', evidence);
    await toWindow('Pat - Claws Mail');
    await xdotool('key', 'ctrl+d');
    const [deleted] = await listed(client, 'Trash', ({ length }) => length === 1, 'what was deleted');
    assert.equal(deleted?.subject, TO_DELETE);
    assert.equal((await listed(client, 'INBOX', ({ length }) => length === 3, 'three messages')).length, 3);
  });
});

async function seen(client: ClientPeer, wanted: string): Promise<boolean> {
  const inbox = await listed(client, 'INBOX', () => true, 'anything');
  return inbox.some(({ subject, flags }) => subject === wanted && flags.includes('\\Seen'));
}

async function configure(client: ClientPeer): Promise<void> {
  const { localhost } = client;
  for (const box of ['inbox', 'sent', 'draft', 'queue', 'trash'])
    await mkdir(client.path(`claws/Mail/${box}`), { recursive: true });
  await client.write(
    'claws/clawsrc',
    '[Common]\nconfig_version=3\nenable_aspell=0\nmark_as_read_delay=0\ncheck_on_startup=0\n',
  );
  await client.write(
    'claws/accountrc',
    `[Account: 1]
config_version=4
account_name=Pat
is_default=1
name=Pat
address=pat@alpha.test
protocol=1
receive_server=localhost
smtp_server=localhost
user_id=pat@alpha.test
use_smtp_auth=1
smtp_user_id=pat@alpha.test
ssl_imap=1
ssl_smtp=1
ssl_certs_auto_accept=1
set_imapport=1
imap_port=${localhost.imaps}
set_smtpport=1
smtp_port=${localhost.submissions}
set_sent_folder=1
sent_folder=#imap/Pat/Sent
set_trash_folder=1
trash_folder=#imap/Pat/Trash
receive_at_get_all=1
`,
  );
  // It queues what it sends in a mailbox on disk.
  const item = (type: string, name: string) => `<folderitem type="${type}" name="${name}" path="${name}"/>`;
  await client.write(
    'claws/folderlist.xml',
    `<?xml version="1.0" encoding="UTF-8"?>
<folderlist>
 <folder type="imap" name="Pat" account_id="1">
  ${[item('inbox', 'INBOX'), item('outbox', 'Sent'), item('draft', 'Drafts'), item('trash', 'Trash')].join('\n  ')}
 </folder>
 <folder type="mh" name="Mail" path="${client.path('claws/Mail')}">
  ${[item('inbox', 'inbox'), item('outbox', 'sent'), item('draft', 'draft'), item('queue', 'queue'), item('trash', 'trash')].join('\n  ')}
 </folder>
</folderlist>
`,
  );
}
