/** Thunderbird over POP3 under Xvfb: it collects, leaves mail on the server, collects only what is new, and deletes there what is deleted here. */
import { after, before, describe, test } from 'node:test';
import { submit } from '#test/support/mail-client.ts';
import { needs } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';
import { listed, startReaderTrial, TO_DELETE } from './reader-trial.ts';
import { type Preferences, startThunderbird, type Thunderbird, trust } from './thunderbird.ts';

for (const [how, port, socketType] of [
  ['TLS', 'pop3s', 3],
  ['STLS', 'pop3', 2],
] as const) {
  describe(`Thunderbird over POP3 with ${how}`, { skip: needs('thunderbird', 'Xvfb', 'import') }, () => {
    let client: ClientPeer;
    let thunderbird: Thunderbird;

    before(async () => {
      client = await startReaderTrial();
      const number = client.localhost[port];
      thunderbird = await startThunderbird(client.home, preferences(number, socketType));
      await trust(thunderbird.remote, client, [['pop3', number]]);
    });
    after(async () => {
      await thunderbird?.close();
      await client?.close();
    });

    test('collects, leaves, collects what is new, deletes', async () => {
      const marionette = thunderbird.remote;
      await marionette.waitFor(
        'the window',
        `return main()?.document.getElementById('tabmail')?.currentAbout3Pane && true`,
      );
      await collect(thunderbird, 4);
      await submit(client.person('tom'), { to: 'pat@alpha.test', subject: 'one more', text: 'more\n' });
      await listed(client, 'INBOX', ({ length }) => length === 5, 'five messages');
      await collect(thunderbird, 5);
      await marionette.run(
        `${INBOX} const found = [...inbox().messages].filter((message) => message.mime2DecodedSubject === args[0]);
         inbox().deleteMessages(found, main().msgWindow, true, false, null, false);`,
        TO_DELETE,
      );
      await collect(thunderbird, 4);
      const isGone = (messages: readonly { subject: string }[]) =>
        messages.every(({ subject }) => subject !== TO_DELETE);
      await listed(client, 'INBOX', (messages) => messages.length === 4 && isGone(messages), 'what stays');
    });
  });
}

const INBOX = `
  const server = MailServices.accounts.accounts.map((account) => account.incomingServer).find((s) => s.type === 'pop3');
  const inbox = () => server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
`;

/** Gets new messages, and waits until that is over and so many are there. */
async function collect({ remote: marionette }: Thunderbird, messages: number): Promise<void> {
  await marionette.run(
    `${INBOX} await new Promise((resolve, reject) => {
       const listener = { OnStartRunningUrl() {}, OnStopRunningUrl: (url, status) => (status === 0 ? resolve() : reject(new Error('status ' + status))) };
       MailServices.pop3.GetNewMail(main().msgWindow, listener, inbox(), server.QueryInterface(Ci.nsIPop3IncomingServer));
     })`,
  );
  await marionette.waitFor(
    `${messages} messages`,
    `${INBOX} return inbox().getTotalMessages(false) === args[0]`,
    messages,
  );
}

function preferences(port: number, socketType: number): Preferences {
  const server = { type: 'pop3', hostname: 'localhost', port, socketType, authMethod: 3, userName: 'pat@alpha.test' };
  const keeping = {
    leave_on_server: true,
    delete_mail_left_on_server: true,
    login_at_startup: false,
    check_new_mail: false,
  };
  const local = { type: 'none', hostname: 'Local Folders', userName: 'nobody' };
  const under = (prefix: string, values: { readonly [name: string]: string | number | boolean }) =>
    Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value] as const);
  return [
    ...under('mail.server.server1', { ...server, ...keeping, name: 'Pat', 'directory-rel': '[ProfD]Mail/localhost' }),
    ...under('mail.server.server2', { ...local, 'directory-rel': '[ProfD]Mail/Local Folders' }),
    ...under('mail.identity.id1', { useremail: 'pat@alpha.test', fullName: 'Pat', valid: true }),
    ...under('mail.account.account1', { server: 'server1', identities: 'id1' }),
    ...under('mail.account.account2', { server: 'server2' }),
    ['mail.accountmanager.accounts', 'account1,account2'],
    ['mail.accountmanager.defaultaccount', 'account1'],
    ['mail.accountmanager.localfoldersserver', 'server2'],
  ];
}
