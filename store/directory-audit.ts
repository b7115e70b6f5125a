/** Lines of the audit log: which change is told how. Nothing secret ever stands in them. */
import type { SenderLists } from './account-rules.ts';
import type { AuditLine, By, DirectoryChange } from './directory.ts';
import { readAlias } from './directory-names.ts';
import type { DirectoryRows, DirectoryWrites } from './directory-rows.ts';

/** For how long lines are kept: a year, and what it takes to look back at it. */
const KEPT_MS = 400 * 86_400_000;

type NewLine = Omit<AuditLine, 'id'>;

/** @param rows as they are before the change. */
export function auditLine(rows: DirectoryRows, change: DirectoryChange, by: By, now: number): NewLine {
  const { target, detail } = describe(rows, change);
  const all = { ...detail, ...by.detail };
  const act = change.type === 'note-act' ? change.act : (by.act ?? change.type);
  return { at: now, actor: by.actor, act, target, ...(Object.keys(all).length > 0 && { detail: all }) };
}

export function keepAuditLine(rows: DirectoryWrites, line: NewLine): void {
  rows.addAuditLine(line);
  rows.dropAuditLines(line.at - KEPT_MS);
}

interface Description {
  readonly target: string;
  readonly detail?: object;
}

function describe(rows: DirectoryRows, change: DirectoryChange): Description {
  const addressOf = (id: string): string => rows.accountById(id)?.address ?? id;
  switch (change.type) {
    case 'rename-domain':
      return { target: change.name, detail: { to: change.to, alias: change.alias } };
    case 'remove-domain':
      return { target: change.name };
    case 'add-domain':
    case 'set-domain-alias':
      return { target: change.name, ...(change.aliasOf !== undefined && { detail: { aliasOf: change.aliasOf } }) };
    case 'add-dkim-key':
      return { target: change.domain, detail: { selector: change.selector, algorithm: change.algorithm } };
    case 'set-dkim-state':
      return { target: change.domain, detail: { selector: change.selector, state: change.state } };
    case 'remove-dkim-key':
      return { target: change.domain, detail: { selector: change.selector } };
    case 'set-peer-senders':
      return { target: 'peer', detail: countsOf(change.senders) };
    case 'add-account':
      return { target: change.address };
    case 'add-alias':
    case 'set-alias':
      return { target: change.address, detail: { targets: change.targets } };
    case 'remove-alias':
      return { target: change.address, detail: { targets: rows.alias(readAlias(change.address).name)?.targets ?? [] } };
    case 'add-app-password':
      return { target: addressOf(change.account), detail: { name: change.name, scopes: change.scopes } };
    case 'remove-app-password': {
      const password = rows.appPasswordById(change.id);
      return { target: password ? addressOf(password.account) : change.id, detail: { name: password?.name ?? '' } };
    }
    case 'add-token':
      return describeToken(change.token, addressOf);
    case 'remove-token': {
      const token = rows.tokenById(change.id);
      return token === undefined ? { target: change.id } : describeToken(token, addressOf);
    }
    case 'note-act':
      return { target: change.target };
    default:
      return { target: addressOf(change.id), ...detailOfAccountChange(change) };
  }
}

type AccountChange = Extract<DirectoryChange, { id: string }>;

function detailOfAccountChange(change: AccountChange): { detail?: object } {
  switch (change.type) {
    case 'suspend-account':
      return { detail: { suspended: change.suspended } };
    case 'set-admin':
      return { detail: { admin: change.admin } };
    case 'set-forward':
      return change.forward === undefined ? {} : { detail: change.forward };
    case 'set-moved':
      return change.moved === undefined ? {} : { detail: change.moved };
    case 'set-filters':
      return { detail: { filters: change.filters.length } };
    case 'set-autoreply':
      return { detail: { enabled: change.autoreply?.enabled ?? false } };
    case 'set-senders':
      return { detail: countsOf(change.senders) };
    case 'rename-account':
      return { detail: { to: change.address, alias: change.alias } };
    default:
      return {};
  }
}

/** Whom somebody listens to is nobody else's business. */
const countsOf = ({ allow, block }: SenderLists): object => ({ allow: allow.length, block: block.length });

function describeToken(
  token: {
    readonly name: string;
    readonly account?: string;
    readonly kind: string;
    readonly scopes: readonly string[];
  },
  addressOf: (id: string) => string,
): Description {
  const { name, account, kind, scopes } = token;
  const of = account === undefined ? {} : { account: addressOf(account) };
  return { target: name, detail: { kind, scopes, ...of } };
}
