/** What the rules of the directory ask of its rows before they write. */
import { MailError } from '#mail/failure.ts';
import type { Account, DirectoryChange } from './directory.ts';
import { nameOf, readAddress } from './directory-names.ts';
import type { DirectoryRows, DirectoryWrites } from './directory-rows.ts';

export type Rows = DirectoryRows & DirectoryWrites;
export type Of<T extends DirectoryChange['type']> = Extract<DirectoryChange, { type: T }>;
/** Checks first, then writes: a refusal changes nothing. */
export type Rule<T extends DirectoryChange['type']> = (rows: Rows, change: Of<T>, now: number) => void;

export function requireDomain(rows: DirectoryRows, name: string): void {
  if (rows.domain(name) === undefined)
    throw new MailError('bad-request', `${name} is not one of our domains: add it first`);
}

/** Of a domain that is to be changed, not one that something else names. */
export function knownDomain(rows: DirectoryRows, name: string): void {
  if (rows.domain(name) === undefined) throw new MailError('not-found', `${name} is not one of our domains`);
}

export function requireFree(rows: DirectoryRows, name: string): void {
  const account = rows.accountByName(name);
  if (account !== undefined) throw new MailError('exists', `the account ${account.address} is there already`);
  const alias = rows.alias(name);
  if (alias !== undefined) throw new MailError('exists', `the alias ${alias.address} is there already`);
}

export function accountOf(rows: DirectoryRows, id: string): Account {
  const account = rows.accountById(id);
  if (account === undefined) throw new MailError('no-such-account', 'no such account');
  return account;
}

export function nameOfAccount({ address }: Account): string {
  const { localPart, domain } = readAddress(address);
  return nameOf(localPart, domain);
}

export function putAccount(rows: Rows, account: Account): void {
  rows.putAccount(account, nameOfAccount(account));
}

const LONGEST_LABEL = 200;

/** What a person calls something. */
export function readLabel(name: string): string {
  const text = name.trim();
  if (text === '' || text.length > LONGEST_LABEL || /\p{Cc}/u.test(text))
    throw new MailError('bad-request', `a name has 1 to ${LONGEST_LABEL} characters and no control characters`);
  return text;
}
