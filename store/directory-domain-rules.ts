/** What may happen to a domain: it comes and goes, stands for another, and gets the keys that its mail is signed with. */
import { createPrivateKey } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import { DKIM_ALGORITHMS, DKIM_STATES, type DkimAlgorithm, type DkimKey } from './account-rules.ts';
import { renameDomain } from './directory-domain-rename.ts';
import { readDomain } from './directory-names.ts';
import { knownDomain, type Of, type Rows, type Rule, requireDomain } from './directory-requirements.ts';
import type { DirectoryRows } from './directory-rows.ts';

type DomainChange =
  | 'add-domain'
  | 'remove-domain'
  | 'rename-domain'
  | 'set-domain-alias'
  | 'add-dkim-key'
  | 'set-dkim-state'
  | 'remove-dkim-key';

/** Of one domain; retired ones are among them. */
const MOST_KEYS = 20;
const LONGEST_KEY = 16_384;
/** RFC 8301 §3.2: verifiers need not take less than 1024 bits, nor more than 4096. */
const RSA_BITS = { least: 1_024, most: 4_096 };

export const DOMAIN_RULES: { [T in DomainChange]: Rule<T> } = {
  'add-domain': (rows, change, now) => {
    const name = readDomain(change.name);
    if (rows.domain(name) !== undefined) throw new MailError('exists', `the domain ${name} is there already`);
    const aliasOf = change.aliasOf === undefined ? undefined : readTarget(rows, name, change.aliasOf);
    rows.addDomain({ name, createdAt: now });
    if (aliasOf !== undefined) rows.setDomainAlias(name, aliasOf);
  },
  'remove-domain': (rows, change) => {
    const name = readDomain(change.name);
    knownDomain(rows, name);
    if (rows.isUsed(name)) {
      throw new MailError('conflict', `accounts or aliases stand in ${name}: remove them first`);
    }
    requireNoAliasesOf(rows, name);
    for (const { selector } of rows.dkimKeys(name)) rows.removeDkimKey(name, selector);
    rows.removeDomain(name);
  },
  'rename-domain': renameDomain,
  'set-domain-alias': setDomainAlias,
  'add-dkim-key': addDkimKey,
  'set-dkim-state': (rows, { domain, selector, state }, now) => {
    const key = dkimKeyOf(rows, domain, selector);
    if (!DKIM_STATES.includes(state))
      throw new MailError('bad-request', `a key is ${DKIM_STATES.join(', ')}; not ${String(state)}`);
    if (key.state !== state) rows.putDkimKey({ ...key, state, since: now });
  },
  'remove-dkim-key': (rows, { domain, selector }) => {
    const key = dkimKeyOf(rows, domain, selector);
    rows.removeDkimKey(key.domain, key.selector);
  },
};

function setDomainAlias(rows: Rows, change: Of<'set-domain-alias'>): void {
  const name = readDomain(change.name);
  knownDomain(rows, name);
  if (change.aliasOf === undefined) {
    rows.setDomainAlias(name, undefined);
    return;
  }
  const aliasOf = readTarget(rows, name, change.aliasOf);
  requireNoAliasesOf(rows, name);
  rows.setDomainAlias(name, aliasOf);
}

function readTarget(rows: DirectoryRows, name: string, text: string): string {
  const aliasOf = readDomain(text);
  if (aliasOf === name) throw new MailError('bad-request', `${name} can not be an alias of itself`);
  requireDomain(rows, aliasOf);
  const further = rows.domain(aliasOf)?.aliasOf;
  if (further !== undefined)
    throw new MailError('bad-request', `${aliasOf} is an alias of ${further} itself: name that one`);
  return aliasOf;
}

function requireNoAliasesOf(rows: DirectoryRows, name: string): void {
  const alias = rows.domains().find(({ aliasOf }) => aliasOf === name);
  if (alias !== undefined) throw new MailError('conflict', `${alias.name} is an alias of ${name}: change that first`);
}

function addDkimKey(rows: Rows, change: Of<'add-dkim-key'>, now: number): void {
  const { algorithm, key } = change;
  const domain = readDomain(change.domain);
  requireDomain(rows, domain);
  const selector = readSelector(change.selector);
  requireKey(algorithm, key);
  const others = rows.dkimKeys(domain);
  if (others.some((other) => other.selector === selector))
    throw new MailError('exists', `${domain} has a key under the selector ${selector} already`);
  if (others.length >= MOST_KEYS)
    throw new MailError('limit-exceeded', `${domain} has ${MOST_KEYS} keys: remove one first`);
  rows.putDkimKey({ domain, selector, algorithm, key, state: 'published-only', createdAt: now, since: now });
}

/** RFC 6376 §3.1: labels of letters, digits and hyphens with dots between. */
function readSelector(text: string): string {
  const selector = text.toLowerCase();
  if (selector.length > 63 || !/^[a-z0-9](-*[a-z0-9])*(\.[a-z0-9](-*[a-z0-9])*)*$/.test(selector))
    throw new MailError('bad-request', `"${text}" is no selector: write letters, digits and hyphens, at most 63`);
  return selector;
}

/** The complaint never quotes the key. */
function requireKey(algorithm: DkimAlgorithm, pem: string): void {
  if (!DKIM_ALGORITHMS.includes(algorithm))
    throw new MailError(
      'bad-request',
      `there is no algorithm "${String(algorithm)}"; there are ${DKIM_ALGORITHMS.join(', ')}`,
    );
  const complaint = `the key is no private key for ${algorithm} in PKCS #8 PEM`;
  if (pem.length > LONGEST_KEY || !pem.includes('-----BEGIN PRIVATE KEY-----'))
    throw new MailError('bad-request', complaint);
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    if (algorithm === 'ed25519-sha256' && asymmetricKeyType === 'ed25519') return;
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    if (algorithm === 'rsa-sha256' && asymmetricKeyType === 'rsa' && bits >= RSA_BITS.least && bits <= RSA_BITS.most)
      return;
  } catch {
    // What OpenSSL says of it may quote it.
    throw new MailError('bad-request', complaint);
  }
  throw new MailError(
    'bad-request',
    `${complaint}, or of another length than ${RSA_BITS.least} to ${RSA_BITS.most} bits`,
  );
}

function dkimKeyOf(rows: DirectoryRows, domainText: string, selectorText: string): DkimKey {
  const domain = readDomain(domainText);
  const selector = readSelector(selectorText);
  const key = rows.dkimKeys(domain).find((one) => one.selector === selector);
  if (key === undefined) throw new MailError('not-found', `${domain} has no key under the selector ${selector}`);
  return key;
}
