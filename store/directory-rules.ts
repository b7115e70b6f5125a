/** What a change to the directory may do, over the rows of any backend. Checks first, then writes: a refusal changes nothing. */
import { formatAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import type { By, DirectoryChange } from './directory.ts';
import { ACCOUNT_RULES } from './directory-account-rules.ts';
import { auditLine, keepAuditLine } from './directory-audit.ts';
import { CREDENTIAL_RULES } from './directory-credential-rules.ts';
import { DOMAIN_RULES } from './directory-domain-rules.ts';
import { FACTOR_RULES } from './directory-factor-rules.ts';
import { MAIL_RULES } from './directory-mail-rules.ts';
import { readAddress, readAlias } from './directory-names.ts';
import { type Of, type Rows, type Rule, requireDomain, requireFree } from './directory-requirements.ts';
import type { DirectoryRows } from './directory-rows.ts';

type RuleTable = { [T in DirectoryChange['type']]: Rule<T> };

const RULES: RuleTable = {
  ...ACCOUNT_RULES,
  ...CREDENTIAL_RULES,
  ...DOMAIN_RULES,
  ...MAIL_RULES,
  ...FACTOR_RULES,
  'add-alias': addAlias,
  'set-alias': (rows, change) => {
    const { name, address } = readAlias(change.address);
    if (rows.alias(name) === undefined) throw new MailError('not-found', `there is no alias ${address}`);
    rows.setAliasTargets(name, targetsOf(rows, change));
  },
  'remove-alias': (rows, change) => {
    const { name, address } = readAlias(change.address);
    if (rows.alias(name) === undefined) throw new MailError('not-found', `there is no alias ${address}`);
    rows.removeAlias(name);
  },
  'note-act': () => undefined,
};

/** Throws as `Directory.change` does. Run it where nothing else writes, and durably. */
export function applyChange(rows: Rows, change: DirectoryChange, now: number, by?: By): void {
  const rule = RULES[change.type] as (rows: Rows, change: DirectoryChange, now: number) => void;
  // Before the change, which may remove what it is about.
  const line = by && auditLine(rows, change, by, now);
  rule(rows, change, now);
  if (line !== undefined) keepAuditLine(rows, line);
}

function addAlias(rows: Rows, change: Of<'add-alias'>, now: number): void {
  const { domain, name, address } = readAlias(change.address);
  requireDomain(rows, domain);
  requireFree(rows, name);
  rows.addAlias({ address, targets: targetsOf(rows, change), createdAt: now }, name);
}

function targetsOf(rows: Rows, change: Pick<Of<'add-alias'>, 'address' | 'targets'>): readonly string[] {
  const { name, address } = readAlias(change.address);
  const targets = [...new Set(change.targets.map((target) => formatAddress(readAddress(target))))];
  if (targets.length === 0) throw new MailError('bad-request', `${address} needs at least one target`);
  if (targets.some((target) => readAlias(target).name === name)) {
    throw new MailError('bad-request', `${address} can not lead to itself`);
  }
  if (leadsTo(rows, targets, name))
    throw new MailError('bad-request', `${address} would lead back to itself through other aliases`);
  return targets;
}

/** Does an alias chain from these targets come to `name`? Addresses of others, and accounts, end a chain; so do names in alias domains, whose circles end where mail is delivered. */
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
