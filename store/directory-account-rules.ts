/** What may happen to an account: it comes and goes, gets another name, is suspended, forwards its mail, moves away. */
import { formatAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import type { Account } from './directory.ts';
import { nameOf, readAddress, readAlias } from './directory-names.ts';
import {
  accountOf,
  nameOfAccount,
  type Of,
  putAccount,
  type Rows,
  type Rule,
  requireDomain,
  requireFree,
} from './directory-requirements.ts';
import { retarget } from './directory-retarget.ts';
import { isId } from './ids.ts';

type AccountChange =
  | 'add-account'
  | 'activate-account'
  | 'mark-removing'
  | 'remove-account'
  | 'set-secret'
  | 'suspend-account'
  | 'set-admin'
  | 'set-forward'
  | 'set-moved'
  | 'rename-account';

/** More than any person sets, few enough for one message. */
const MOST_FORWARDS = 100;

export const ACCOUNT_RULES: { [T in AccountChange]: Rule<T> } = {
  'add-account': addAccount,
  'activate-account': (rows, { id }) => {
    const account = accountOf(rows, id);
    if (account.state === 'removing') throw new MailError('bad-request', `${account.address} is being removed`);
    putAccount(rows, { ...account, state: 'active' });
  },
  'mark-removing': (rows, { id }) => putAccount(rows, { ...accountOf(rows, id), state: 'removing' }),
  'remove-account': (rows, { id }) => {
    const account = accountOf(rows, id);
    if (account.state === 'active') throw new MailError('bad-request', `${account.address} is in use: mark it first`);
    rows.removeAccount(id);
  },
  'set-secret': setSecret,
  'suspend-account': (rows, { id, suspended }) => {
    const { suspended: _, ...account } = accountOf(rows, id);
    putAccount(rows, suspended ? { ...account, suspended } : account);
  },
  'set-admin': (rows, { id, admin }) => {
    const { admin: _, ...account } = accountOf(rows, id);
    putAccount(rows, admin ? { ...account, admin } : account);
  },
  'set-forward': setForward,
  'set-moved': (rows, { id, moved }) => {
    const { moved: _, ...account } = accountOf(rows, id);
    if (moved === undefined) {
      putAccount(rows, account);
      return;
    }
    const to = readAddress(moved.to);
    requireOther(account, to);
    putAccount(rows, { ...account, moved: { to: formatAddress(to), how: moved.how } });
  },
  'rename-account': renameAccount,
};

function addAccount(rows: Rows, change: Of<'add-account'>, now: number): void {
  const { id, shard, secret } = change;
  const address = readAddress(change.address);
  const name = nameOf(address.localPart, address.domain);
  requireDomain(rows, address.domain);
  if (!isId(id) || !Number.isSafeInteger(shard) || shard < 0)
    throw new MailError('bad-request', 'bad account id or shard');
  requireFree(rows, name);
  if (rows.accountById(id) !== undefined) throw new MailError('exists', 'the account id is taken');
  rows.putAccount({ id, address: formatAddress(address), shard, createdAt: now, state: 'creating' }, name);
  rows.putSecret(id, secret);
}

function setSecret(rows: Rows, { id, secret, keep }: Of<'set-secret'>): void {
  accountOf(rows, id);
  const before = rows.secret(id)?.scram;
  const { salt, iterations } = secret.scram;
  const sameSalt = before?.iterations === iterations && Buffer.compare(before.salt, salt) === 0;
  if (!sameSalt && rows.appPasswords(id).length > 0) {
    throw new MailError(
      'bad-request',
      'the new password needs the salt of the old one: app passwords are keyed with it',
    );
  }
  rows.putSecret(id, secret);
  for (const token of rows.tokens(id)) if (token.kind === 'session' && token.id !== keep) rows.removeToken(token.id);
}

function setForward(rows: Rows, { id, forward }: Of<'set-forward'>): void {
  const { forward: _, ...account } = accountOf(rows, id);
  if (forward === undefined) {
    putAccount(rows, account);
    return;
  }
  const targets = [...new Set(forward.targets.map((target) => formatAddress(readAddress(target))))];
  if (targets.length === 0) throw new MailError('bad-request', 'a forward needs at least one target');
  if (targets.length > MOST_FORWARDS) throw new MailError('bad-request', `${MOST_FORWARDS} targets at most`);
  for (const target of targets) requireOther(account, readAddress(target));
  putAccount(rows, { ...account, forward: { targets, keep: forward.keep } });
}

function requireOther(account: Account, { localPart, domain }: Address): void {
  if (nameOf(localPart, domain) === nameOfAccount(account))
    throw new MailError('bad-request', `${account.address} can not lead to itself`);
}

function renameAccount(rows: Rows, { id, address: text, alias }: Of<'rename-account'>, now: number): void {
  const account = accountOf(rows, id);
  if (account.state !== 'active') throw new MailError('bad-request', `${account.address} is not in use`);
  const address = readAddress(text);
  const name = nameOf(address.localPart, address.domain);
  const before = nameOfAccount(account);
  requireDomain(rows, address.domain);
  if (name !== before) {
    // Back to a name that was kept as an alias.
    if (isAliasOf(rows, name, before)) rows.removeAlias(name);
    requireFree(rows, name);
  }
  const renamed = { ...account, address: formatAddress(address) };
  putAccount(rows, renamed);
  if (name === before) return;
  // Everything that led to the account by its old name leads to it by its new one.
  retarget(rows, (target) => (readAlias(target).name === before ? renamed.address : undefined));
  if (alias) rows.addAlias({ address: account.address, targets: [renamed.address], createdAt: now }, before);
}

function isAliasOf(rows: Rows, name: string, account: string): boolean {
  const targets = rows.alias(name)?.targets ?? [];
  return targets.length === 1 && readAlias(targets[0]!).name === account;
}
