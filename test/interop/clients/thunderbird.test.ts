/** Thunderbird under Xvfb: set up by a profile, it collects, shows, answers and sends, flags, files and deletes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';
import type { Marionette } from './marionette.ts';
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
import { type Preferences, startThunderbird, type Thunderbird, trust } from './thunderbird.ts';

describe('Thunderbird', { skip: needs('thunderbird', 'Xvfb', 'import') }, () => {
  let client: ClientPeer;
  let program: Thunderbird;
  let thunderbird: Marionette;

  before(async () => {
    client = await startReaderTrial();
    program = await startThunderbird(client.home, preferences(client));
    thunderbird = program.remote;
    await trust(thunderbird, client, [
      ['imap', client.localhost.imaps],
      ['smtp', client.localhost.submissions],
    ]);
  });
  after(async () => {
    await program?.close();
    await client?.close();
  });

  test('collects, shows, answers, flags, files and deletes', async (t) => {
    await thunderbird.waitFor(
      'the window',
      `return main()?.document.getElementById('tabmail')?.currentAbout3Pane?.displayFolder && true`,
    );
    await thunderbird.run(
      `${FOLDERS} inbox().server.performExpand(main().msgWindow); main().document.getElementById('tabmail').currentAbout3Pane.displayFolder(inbox().URI)`,
    );
    await thunderbird.waitFor(
      'four messages',
      `${FOLDERS} if (inbox().getTotalMessages(false) === 4) return true; inbox().updateFolder(main().msgWindow); return false`,
    );
    await select(thunderbird, QUESTION);
    await thunderbird.waitFor(
      'the message to be shown',
      `${SHOWN} return shown().body.textContent.includes(args[0])`,
      ASKED,
    );
    t.diagnostic(`screenshot: ${await program.display.screenshot('thunderbird')}`);
    await answer(thunderbird);
    await select(thunderbird, TO_FLAG);
    await thunderbird.run(`main().goDoCommand('cmd_markAsFlagged')`);
    await select(thunderbird, TO_FILE);
    await thunderbird.run(
      `${FOLDERS} view().doCommandWithFolder(Ci.nsMsgViewCommandType.moveMessages, child('Archive'))`,
    );
    await gone(thunderbird, TO_FILE);
    await select(thunderbird, TO_DELETE);
    await thunderbird.run(`main().goDoCommand('cmd_delete')`);
    await gone(thunderbird, TO_DELETE);
    await assertReaderTrial(client, { trash: 'Trash' });
    assert.doesNotMatch(program.output(), /NS_ERROR.*imap/i);
  });
});

/** What scripts need to find folders, the list's view, and the page that shows a message. */
const FOLDERS = `
  const pane = () => main().document.getElementById('tabmail').currentAbout3Pane;
  const view = () => pane().gDBView;
  const server = MailServices.accounts.accounts.map((account) => account.incomingServer).find((s) => s.type === 'imap');
  const inbox = () => server.rootFolder.getChildNamed('INBOX') ?? server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
  const child = (name) => server.rootFolder.getChildNamed(name);
  const rows = () => Array.from({ length: view().rowCount }, (_, i) => view().getMsgHdrAt(i));
`;
const SHOWN = `const shown = () => main().document.getElementById('tabmail').currentAboutMessage.getMessagePaneBrowser().contentDocument;`;

/** Selects a message by its subject, as a click on its line would, and waits until it is the one that is shown. */
async function select(thunderbird: Marionette, subject: string): Promise<void> {
  await thunderbird.waitFor(
    `"${subject}" to be selected`,
    `${FOLDERS}
     const i = rows().findIndex((header) => header.mime2DecodedSubject === args[0]);
     if (i < 0) return false;
     if (pane().threadTree.selectedIndex !== i) pane().threadTree.selectedIndex = i;
     return main().document.getElementById('tabmail').currentAboutMessage?.gMessage?.mime2DecodedSubject === args[0];`,
    subject,
  );
}

async function gone(thunderbird: Marionette, subject: string): Promise<void> {
  const body = `${FOLDERS} return !rows().some((header) => header.mime2DecodedSubject === args[0])`;
  await thunderbird.waitFor(`"${subject}" to leave the list`, body, subject);
}

/** In a window of its own, in plain text. */
async function answer(thunderbird: Marionette): Promise<void> {
  await thunderbird.run(`main().goDoCommand('cmd_reply')`);
  const compose = `const compose = Services.wm.getMostRecentWindow('msgcompose');`;
  await thunderbird.waitFor(
    'the window to write in',
    `${compose} return compose.gMsgCompose?.editor && compose.composeEditorReady && true`,
  );
  await thunderbird.run(
    `${compose} compose.gMsgCompose.editor.insertText(args[0]); compose.goDoCommand('cmd_sendNow')`,
    ANSWER,
  );
  await thunderbird.waitFor('the window to close', `${compose} return compose === null`);
}

function preferences({ localhost }: ClientPeer): Preferences {
  const server = { type: 'imap', hostname: 'localhost', port: localhost.imaps, socketType: 3, authMethod: 3 };
  const more = { userName: 'pat@alpha.test', name: 'Pat', login_at_startup: false, check_new_mail: false };
  const smtp = {
    hostname: 'localhost',
    port: localhost.submissions,
    try_ssl: 3,
    authMethod: 3,
    username: 'pat@alpha.test',
  };
  const identity = {
    useremail: 'pat@alpha.test',
    fullName: 'Pat',
    smtpServer: 'smtp1',
    valid: true,
    compose_html: false,
  };
  const folders = { fcc_folder: 'imap://pat%40alpha.test@localhost/Sent', reply_on_top: 1, auto_quote: false };
  const under = (prefix: string, values: Readonly<Record<string, string | number | boolean>>): Preferences =>
    Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]);
  return [
    ...under('mail.server.server1', { ...server, ...more }),
    ...under('mail.smtpserver.smtp1', smtp),
    ...under('mail.identity.id1', { ...identity, ...folders }),
    ...under('mail.account.account1', { server: 'server1', identities: 'id1' }),
    ['mail.accountmanager.accounts', 'account1'],
    ['mail.accountmanager.defaultaccount', 'account1'],
    ['mail.smtpservers', 'smtp1'],
    ['mail.smtp.defaultserver', 'smtp1'],
    ['network.proxy.type', 0],
  ];
}
