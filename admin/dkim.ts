/** The keys that mail of a domain is signed with (DKIM): made or brought along, published, looked for in DNS, replaced. A private key never leaves the directory. */
import {
  type DkimAlgorithm,
  exportKey,
  isRecordOf,
  keyName,
  keyRecord,
  makeKey,
  readSigningKey,
  readTags,
  type SigningKey,
} from '#mail/dkim/key.ts';
import { MailError } from '#mail/failure.ts';
import { DnsFailure, type Resolver } from '#runtime/dns/resolver.ts';
import type { DkimKey, DkimState } from '#store/account-rules.ts';
import { readDomain } from '#store/directory-names.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';
import type { DkimRecords } from './setup/dns.ts';

export interface DkimRooms extends Pick<AdminRooms, 'directory' | 'clock'> {
  /** Milliseconds that a message may stay in the queue. */
  readonly expire: number;
}

export interface DkimItem {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  readonly state: DkimState;
  readonly createdAt: string;
  /** When it came into its state. */
  readonly changedAt: string;
  /** Of a retired one: until then mail that it has signed may be under way. */
  readonly publishedUntil?: string;
  /** These two are absent where the key can't be read. */
  readonly bits?: number;
  readonly record?: { readonly name: string; readonly value: string };
}

/** `different`: another key stands there, or a record that revokes it; `unanswered`: DNS gave none now. */
export type DkimSeen = 'published' | 'missing' | 'different' | 'unanswered';
export type CheckedDkimItem = DkimItem & { readonly seen: DkimSeen };

/** What was sent last may be on its way as long as the queue keeps it, and then lie in somebody's spool. */
const GRACE_MS = 7 * 86_400_000;
const BOTH: readonly DkimAlgorithm[] = ['rsa-sha256', 'ed25519-sha256'];

/** In the order in which they came. @throws MailError `not-found` where the domain is none of ours. */
export async function listDkimKeys(rooms: DkimRooms, domain: string): Promise<Items<DkimItem>> {
  const keys = await rooms.directory.dkimKeys(await ownDomain(rooms, domain));
  return { items: keys.map((key) => describe(rooms, key)) };
}

/**
 * Without an algorithm or a key, one key of each: who doesn't know Ed25519 yet checks RSA. They wait to be published (`published-only`) unless `state` says that
 * the world knows them already.
 * @param args.key a private key in PEM, for one that another server has used. @param args.selector for one key; by default the year and a letter.
 */
export async function addDkimKeys(
  rooms: DkimRooms,
  args: {
    readonly domain: string;
    readonly algorithm?: DkimAlgorithm;
    readonly selector?: string;
    readonly key?: string;
    readonly state?: 'published-only' | 'signing';
  },
  by: Actor,
): Promise<Items<DkimItem>> {
  const { directory } = rooms;
  const domain = await ownDomain(rooms, args.domain);
  const given = args.key === undefined ? undefined : readSigningKey(args.key);
  const algorithm = args.algorithm ?? given?.algorithm;
  if (given !== undefined && given.algorithm !== algorithm)
    throw new MailError('bad-request', `the key is one for ${given.algorithm}`);
  if (args.selector !== undefined && algorithm === undefined)
    throw new MailError('bad-request', 'a selector is of one key: name its algorithm too');
  const items: DkimItem[] = [];
  for (const wanted of algorithm === undefined ? BOTH : [algorithm]) {
    const selector = (args.selector ?? freeSelector(await directory.dkimKeys(domain), rooms.clock.now())).toLowerCase();
    const key = given === undefined ? await makeKey(wanted) : exportKey(given.key);
    await directory.change({ type: 'add-dkim-key', domain, selector, algorithm: wanted, key }, by);
    if (args.state === 'signing')
      await directory.change({ type: 'set-dkim-state', domain, selector, state: 'signing' }, by);
    items.push(describe(rooms, await keyNamed(rooms, domain, selector)));
  }
  return { items };
}

export async function setDkimState(
  rooms: DkimRooms,
  args: { readonly domain: string; readonly selector: string; readonly state: DkimState },
  by: Actor,
): Promise<DkimItem> {
  const { domain, selector } = await keyNamed(rooms, args.domain, args.selector);
  await rooms.directory.change({ type: 'set-dkim-state', domain, selector, state: args.state }, by);
  return describe(rooms, await keyNamed(rooms, domain, selector));
}

/** @throws MailError `conflict`, without `force`, while it signs or what it has signed may be under way. */
export async function removeDkimKey(
  rooms: DkimRooms,
  args: { readonly domain: string; readonly selector: string; readonly force?: boolean },
  by: Actor,
): Promise<{ domain: string; selector: string }> {
  const key = await keyNamed(rooms, args.domain, args.selector);
  const { domain, selector } = key;
  if (args.force !== true) {
    if (key.state === 'signing') throw new MailError('conflict', `mail is signed with ${selector}: retire it first`);
    const until = publishedUntil(rooms, key);
    if (until !== undefined && rooms.clock.now() < until)
      throw new MailError('conflict', `what ${selector} has signed may be under way until ${timestamp(until)}`);
  }
  await rooms.directory.change({ type: 'remove-dkim-key', domain, selector }, by);
  return { domain, selector };
}

/**
 * Looks which keys DNS has. With `sign`, those that wait and are there sign from now on, and what signed until now with the same algorithm is retired: that is
 * the second step of a rotation.
 */
export async function checkDkimKeys(
  rooms: DkimRooms & { readonly resolver: Pick<Resolver, 'txt'> },
  args: { readonly domain: string; readonly sign?: boolean },
  by: Actor,
): Promise<Items<CheckedDkimItem>> {
  const { directory, resolver } = rooms;
  const domain = await ownDomain(rooms, args.domain);
  const keys = await directory.dkimKeys(domain);
  const seen = new Map<string, DkimSeen>();
  for (const key of keys) seen.set(key.selector, await look(resolver, key));
  if (args.sign) {
    const ready = keys.filter(
      ({ state, selector }) => state === 'published-only' && seen.get(selector) === 'published',
    );
    // The new ones first: there is no moment without any.
    for (const { selector } of ready)
      await directory.change({ type: 'set-dkim-state', domain, selector, state: 'signing' }, by);
    for (const { selector, state, algorithm } of keys) {
      if (state === 'signing' && ready.some((one) => one.algorithm === algorithm))
        await directory.change({ type: 'set-dkim-state', domain, selector, state: 'retired' }, by);
    }
  }
  const now = await directory.dkimKeys(domain);
  return { items: now.map((key) => ({ ...describe(rooms, key), seen: seen.get(key.selector) ?? 'unanswered' })) };
}

/** What stands in DNS for a domain: the records of all keys but those whose time is over, and what else to say of them. */
export async function publishedKeys(rooms: DkimRooms, domain: string): Promise<DkimRecords> {
  const keys = await rooms.directory.dkimKeys(readDomain(domain));
  const notes: string[] = [];
  const records: { name: string; value: string }[] = [];
  for (const key of keys) {
    const { record, selector } = describe(rooms, key);
    const until = publishedUntil(rooms, key);
    if (record === undefined)
      notes.push(`DKIM: the key ${selector} can't be read, and mail waits for it while it is to sign`);
    else if (until !== undefined && rooms.clock.now() >= until)
      notes.push(`DKIM: nothing needs ${record.name} any more: remove the record and the key`);
    else records.push(record);
    if (key.state === 'published-only')
      notes.push(`DKIM: ${selector} signs once you say so: peerpost domain dkim check ${key.domain} --sign`);
  }
  if (keys.length === 0)
    notes.push(`outgoing mail is not signed (DKIM): peerpost domain dkim add ${domain} makes keys`);
  return { signs: keys.some(({ state }) => state === 'signing'), records, notes };
}

async function look(resolver: Pick<Resolver, 'txt'>, key: DkimKey): Promise<DkimSeen> {
  const read = readable(key);
  try {
    const { records } = await resolver.txt(keyName(key.domain, key.selector));
    const found = records.filter((text) => readTags(text)?.has('p'));
    if (found.length === 0) return 'missing';
    // RFC 6376 §3.6.2.2: with several records, which one counts is undefined.
    return read !== undefined && found.length === 1 && isRecordOf(found[0] as string, read) ? 'published' : 'different';
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
    return 'unanswered';
  }
}

function describe(rooms: DkimRooms, key: DkimKey): DkimItem {
  const { domain, selector, algorithm, state, createdAt, since } = key;
  const until = publishedUntil(rooms, key);
  const read = readable(key);
  return {
    domain,
    selector,
    algorithm,
    state,
    createdAt: timestamp(createdAt),
    changedAt: timestamp(since),
    ...(until !== undefined && { publishedUntil: timestamp(until) }),
    ...(read !== undefined && {
      bits: read.bits,
      record: { name: keyName(domain, selector), value: keyRecord(read) },
    }),
  };
}

const publishedUntil = ({ expire }: DkimRooms, { state, since }: DkimKey): number | undefined =>
  state === 'retired' ? since + expire + GRACE_MS : undefined;

function readable({ key }: DkimKey): SigningKey | undefined {
  try {
    return readSigningKey(key);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return undefined;
  }
}

async function ownDomain({ directory }: Pick<DkimRooms, 'directory'>, domain: string): Promise<string> {
  const name = readDomain(domain);
  if (!(await directory.isLocalDomain(name))) throw new MailError('not-found', `${name} is not one of our domains`);
  return name;
}

async function keyNamed(rooms: DkimRooms, domain: string, selector: string): Promise<DkimKey> {
  const keys = await rooms.directory.dkimKeys(await ownDomain(rooms, domain));
  const found = keys.find((key) => key.selector === selector.toLowerCase());
  if (found === undefined) throw new MailError('not-found', `${domain} has no key under the selector ${selector}`);
  return found;
}

/** `2026a`, `2026b`, …: the next one of the year, so that nobody takes a new key for one that DNS caches remember. */
function freeSelector(keys: readonly DkimKey[], now: number): string {
  const year = new Date(now).getUTCFullYear();
  for (let i = 0; ; i += 1) {
    const selector = `${year}${i < 26 ? String.fromCharCode(97 + i) : `-${i + 1}`}`;
    if (!keys.some((key) => key.selector === selector)) return selector;
  }
}
