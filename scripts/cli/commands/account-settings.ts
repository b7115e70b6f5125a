/** `peerpost account show|suspend|resume|rename|quota|forward|moved|admin`. */
import { Argument, type Command } from 'commander';
import {
  renameAccount,
  resumeAccount,
  setAdmin,
  setForward,
  setMoved,
  suspendAccount,
} from '#admin/account-settings.ts';
import { type AccountDetails, setQuota, showAccount } from '#admin/accounts.ts';
import { type Act, withSystem } from '../act.ts';
import { readSize } from '../arguments.ts';
import { octets, UsageError } from '../output.ts';
import { CLI } from '../system.ts';

export function addAccountSettingCommands(account: Command, act: Act): void {
  account
    .command('show')
    .argument('<address>')
    .description('one account: quota and what is used of it, aliases, forward, credentials')
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          const details = await showAccount(system, address);
          output.result(details, () => detailsText(details));
        }),
      ),
    );
  addSuspend(account, act);
  addRename(account, act);
  addQuota(account, act);
  addForward(account, act);
  addMoved(account, act);

  account
    .command('admin')
    .argument('<address>')
    .addArgument(new Argument('<switch>', 'on or off').choices(['on', 'off']))
    .description('let an account administer this peer, over REST and the admin pages, or no longer')
    .action(
      act((output, options, address: string, to: string) =>
        withSystem(options, async (system) => {
          await setAdmin(system, { address, admin: to === 'on' }, CLI);
          const done = await showAccount(system, address);
          output.result(done, () => `${done.address} is ${done.admin ? 'an admin' : 'no admin'} now`);
        }),
      ),
    );
}

function addSuspend(account: Command, act: Act): void {
  account
    .command('suspend')
    .argument('<address>')
    .description('refuse logins and submission from now on, and end what is open; mail still comes in')
    .addHelpText(
      'after',
      `
All protocols refuse the account, also with app passwords and tokens. Who knows the password is told why; everybody
else hears what a wrong password hears. Nothing is deleted; \`peerpost account resume\` takes it back.`,
    )
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          await suspendAccount(system, address, CLI);
          output.result(await showAccount(system, address), () => `${address} is suspended`);
        }),
      ),
    );

  account
    .command('resume')
    .argument('<address>')
    .description('take a suspension back')
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          await resumeAccount(system, address, CLI);
          output.result(await showAccount(system, address), () => `${address} is active again`);
        }),
      ),
    );
}

function addRename(account: Command, act: Act): void {
  account
    .command('rename')
    .argument('<address>')
    .argument('<new-address>', 'in any domain of this peer')
    .option('--no-alias', 'let the old address end, instead of staying as an alias')
    .description('give an account another address; its mail, settings and passwords stay')
    .addHelpText(
      'after',
      `
People log in with the new address from now on. Aliases and forwards that led to the old address lead to the new one.
Mail to the old address still arrives, unless --no-alias is given.`,
    )
    .action(
      act((output, options, address: string, to: string) =>
        withSystem(options, async (system) => {
          await renameAccount(system, { address, to, alias: options.alias !== false }, CLI);
          const done = await showAccount(system, to);
          output.result(done, () => `${address} is ${done.address} now`);
        }),
      ),
    );
}

function addQuota(account: Command, act: Act): void {
  account
    .command('quota')
    .argument('<address>')
    .argument('[size]', 'such as 5GB, octets, or none; without it, what there is')
    .description('show or set how much mail an account may have')
    .addHelpText(
      'after',
      `
A full account answers new mail with 452, temporarily: senders try for days, and it arrives once there is room.
What is over a new, lower quota stays.`,
    )
    .action(
      act((output, options, address: string, size: string | undefined) =>
        withSystem(options, async (system) => {
          if (size !== undefined) await setQuota(system, { address, bytes: readSize(size) }, CLI);
          const done = await showAccount(system, address);
          const used = done.quota ?? { used: 0, limit: null, messages: 0 };
          output.result(done, () => `${address}: ${usageText(used)}`);
        }),
      ),
    );
}

function addForward(account: Command, act: Act): void {
  account
    .command('forward')
    .argument('<address>')
    .argument('[target...]', 'where its mail goes, here or elsewhere')
    .option('--keep', 'keep a copy in the account too')
    .option('--off', 'forward no longer')
    .description('send the mail of an account on to other addresses')
    .addHelpText(
      'after',
      `
Without targets it shows what is set. The sender stays the sender. Accounts that forward to one another are no loop:
each address gets a message once, and where a forward leads nowhere the account keeps the message.

  peerpost account forward bob@example.org bob@elsewhere.example --keep
  peerpost account forward bob@example.org --off`,
    )
    .action(
      act((output, options, address: string, targets: string[]) =>
        withSystem(options, async (system) => {
          if (options.off && targets.length > 0) throw new UsageError('give targets or --off, not both');
          const forward = { targets, keep: Boolean(options.keep) };
          if (options.off) await setForward(system, { address }, CLI);
          else if (targets.length > 0) await setForward(system, { address, forward }, CLI);
          const done = await showAccount(system, address);
          output.result(done, () => forwardText(done));
        }),
      ),
    );
}

function addMoved(account: Command, act: Act): void {
  account
    .command('moved')
    .argument('<address>')
    .argument('[to]', 'where the person gets mail now')
    .option('--reject', 'tell senders the new address (551) instead of forwarding')
    .option('--off', 'the account lives here again')
    .description(
      'say that the account lives elsewhere now: its mail is forwarded there, or refused with the new address',
    )
    .addHelpText(
      'after',
      `
Nothing is stored here any more; what is here stays readable until the account is removed. With --reject senders hear
"551 5.1.6 User has moved to <…>, please try it" (RFC 5321 §3.4). Without an address it shows what is set.`,
    )
    .action(
      act((output, options, address: string, to: string | undefined) =>
        withSystem(options, async (system) => {
          if (options.off && to !== undefined) throw new UsageError('give an address or --off, not both');
          const how = options.reject ? 'reject' : 'forward';
          if (options.off) await setMoved(system, { address }, CLI);
          else if (to !== undefined) await setMoved(system, { address, moved: { to, how } }, CLI);
          const done = await showAccount(system, address);
          output.result(done, () => movedText(done));
        }),
      ),
    );
}

const forwardText = ({ address, forward }: AccountDetails): string =>
  forward === undefined
    ? `${address} forwards nothing`
    : `${address} forwards to ${forward.targets.join(', ')} and keeps ${forward.keep ? 'a copy' : 'nothing'}`;

const movedText = ({ address, moved }: AccountDetails): string =>
  moved === undefined
    ? `${address} lives here`
    : `${address} has moved to ${moved.to}; mail is ${moved.how === 'forward' ? 'forwarded' : 'refused with that address'}`;

const usageText = ({ used, limit, messages }: NonNullable<AccountDetails['quota']>): string =>
  `${octets(used)} in ${messages} messages, ${limit === null ? 'no limit' : `of ${octets(limit)}`}`;

function detailsText(details: AccountDetails): string {
  const { address, id, state, createdAt, suspended, admin, quota, aliases, appPasswords, tokens } = details;
  return [
    `${address}  ${suspended ? 'suspended' : state}${admin ? ', admin' : ''}`,
    `id: ${id}, since ${createdAt}`,
    ...(quota === undefined ? [] : [`mail: ${usageText(quota)}`]),
    ...(aliases.length === 0 ? [] : [`aliases: ${aliases.join(', ')}`]),
    ...(details.forward === undefined ? [] : [forwardText(details)]),
    ...(details.moved === undefined ? [] : [movedText(details)]),
    `app passwords: ${appPasswords}, tokens: ${tokens}${details.secondFactor ? ', second factor: on' : ''}`,
  ].join('\n');
}
