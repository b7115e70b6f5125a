/** What a change to the directory may do, over the rows of any backend. Checks first, then writes: a refusal changes nothing. */
import { formatAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import type { Account, DirectoryChange } from './directory.ts';
import { nameOf, readAddress, readAlias, readDomain } from './directory-names.ts';
import type { DirectoryRows, DirectoryWrites } from './directory-rows.ts';
import { isId } from './ids.ts';

type Rows = DirectoryRows & DirectoryWrites;
type Of<T extends DirectoryChange['type']> = Extract<DirectoryChange, { type: T }>;

const RULES: { [T in DirectoryChange['type']]: (rows: Rows, change: Of<T>, now: number) => void } = {
  'add-domain': (rows, change, now) => {
    const name = readDomain(change.name);
    if (rows.domain(name) !== undefined) throw new MailError('exists', `the domain ${name} is there already`);
    rows.addDomain({ name, createdAt: now });
  },
  'remove-domain': (rows, change) => {
    const name = readDomain(change.name);
    requireDomain(rows, name);
    if (rows.isUsed(name)) {
      throw new MailError('bad-request', `accounts or aliases stand in ${name}: remove them first`);
    }
    rows.removeDomain(name);
  },
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
  'set-secret': (rows, { id, secret }) => rows.putSecret(accountOf(rows, id).id, secret),
  'add-alias': addAlias,
  'remove-alias': (rows, change) => {
    const { name, address } = readAlias(change.address);
    if (rows.alias(name) === undefined) throw new MailError('bad-request', `there is no alias ${address}`);
    rows.removeAlias(name);
  },
};

/** Throws as `Directory.change` does. Run it where nothing else writes, and durably. */
export function applyChange(rows: Rows, change: DirectoryChange, now: number): void {
  const rule = RULES[change.type] as (rows: Rows, change: DirectoryChange, now: number) => void;
  rule(rows, change, now);
}

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

function addAlias(rows: Rows, change: Of<'add-alias'>, now: number): void {
  const { domain, name, address } = readAlias(change.address);
  requireDomain(rows, domain);
  const targets = [...new Set(change.targets.map((target) => formatAddress(readAddress(target))))];
  if (targets.length === 0) throw new MailError('bad-request', `${address} needs at least one target`);
  if (targets.some((target) => readAlias(target).name === name)) {
    throw new MailError('bad-request', `${address} can not lead to itself`);
  }
  requireFree(rows, name);
  if (leadsTo(rows, targets, name))
    throw new MailError('bad-request', `${address} would lead back to itself through other aliases`);
  rows.addAlias({ address, targets, createdAt: now }, name);
}

/** Does an alias chain from these targets come to `name`? Addresses of others, and accounts, end a chain. */
function leadsTo(rows: DirectoryRows, targets: readonly string[], name: string): boolean {
  const seen = new Set<string>();
  const open = [...targets];
  for (let target = open.pop(); target !== undefined; target = open.pop()) {
    const next = readAlias(target).name;
    if (next === name) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(rows.alias(next)?.targets ?? []));
  }
  return false;
}

function requireDomain(rows: DirectoryRows, name: string): void {
  if (rows.domain(name) === undefined)
    throw new MailError('bad-request', `${name} is not one of our domains: add it first`);
}

function requireFree(rows: DirectoryRows, name: string): void {
  const account = rows.accountByName(name);
  if (account !== undefined) throw new MailError('exists', `the account ${account.address} is there already`);
  const alias = rows.alias(name);
  if (alias !== undefined) throw new MailError('exists', `the alias ${alias.address} is there already`);
}

function accountOf(rows: DirectoryRows, id: string): Account {
  const account = rows.accountById(id);
  if (account === undefined) throw new MailError('no-such-account', 'no such account');
  return account;
}

function putAccount(rows: Rows, account: Account): void {
  const { localPart, domain } = readAddress(account.address);
  rows.putAccount(account, nameOf(localPart, domain));
}
