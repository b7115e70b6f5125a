/** An account as a stream, whole, as it is at one moment. Memory holds one batch of small messages or a chunk of a large one, and the account's list of UIDs. */
import { createHash } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import type { Clock, Random } from '#runtime/ambient.ts';
import type { MailboxSnapshot } from '#store/change.ts';
import type { Account, AccountSecret, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { MailStore, MessageRow, StoredRecord } from '#store/store.ts';
import type { Access, Mailbox, MailboxId, MailboxList, Placed, Uid } from '#store/types.ts';
import { MARK_KIND } from '../import/marks.ts';
import { begun, readableRows, type Unreadable, UnreadableList } from '../readable.ts';
import { packAppPasswords } from './app-passwords.ts';
import { END, type End, FORMAT, MANIFEST, type Manifest, packSecret, RECORDS, VERSION } from './manifest.ts';
import { entryName, messageEntry } from './message-entry.ts';
import { packRules } from './rules.ts';
import { packSecondFactor } from './second-factor.ts';
import { padding, TAR_END, tarHead } from './tar-writer.ts';

export interface ArchiveRooms {
  readonly store: MailStore;
  readonly directory: Directory;
  readonly random: Random;
  readonly clock: Pick<Clock, 'now'>;
}

export interface ArchiveOptions {
  /** With it, logins go on where it is restored. */
  readonly secret?: AccountSecret;
  readonly report?: (done: ArchiveProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ArchiveProgress {
  readonly messages: number;
  readonly total: number;
  readonly octets: number;
  /** Messages that are damaged, and not in the archive. */
  readonly failed: number;
  /** The first of them. */
  readonly failures: readonly Unreadable[];
}

const PORTION = 1000;
const PAGE = 200;
/** A busy account changes between one mailbox and the next. */
const TRIES = 100;

export async function* writeArchive(
  rooms: ArchiveRooms,
  account: Account,
  options: ArchiveOptions = {},
): AsyncGenerator<Uint8Array> {
  const access = { owner: account.id, viewer: account.id };
  const state = await oneMoment(rooms.store, access);
  const hash = createHash('sha256');
  const end = { messages: 0, octets: 0 };
  for await (const chunk of entries(rooms, account, state, options, end)) {
    hash.update(chunk);
    yield chunk;
  }
  yield jsonEntry(END, { ...end, sha256: hash.digest('hex') } satisfies End, rooms.clock.now());
  yield TAR_END;
}

async function* entries(
  rooms: ArchiveRooms,
  account: Account,
  state: Moment,
  { secret, report, signal }: ArchiveOptions,
  end: { messages: number; octets: number },
): AsyncGenerator<Uint8Array> {
  const { store } = rooms;
  const access = { owner: account.id, viewer: account.id };
  yield jsonEntry(MANIFEST, await manifestOf(rooms, account, state, secret), rooms.clock.now());
  for await (const record of allRecords(rooms.store, access, MARK_KIND)) {
    yield jsonEntry(`${RECORDS}${record.kind}/${record.id}.json`, { value: record.value }, rooms.clock.now());
  }
  const total = state.snapshots.reduce((sum, { uids }) => sum + uids.length, 0);
  const lost = new UnreadableList();
  const tell = (): void => report?.({ ...end, total, failed: lost.count, failures: lost.first });
  for (const [i, mailbox] of state.list.mailboxes.entries()) {
    const { id, name } = mailbox;
    const failed = (uid: Uid, { failure: code, message }: MailError): void => {
      lost.add(id, { path: name, uid, code, message });
      tell();
    };
    for await (const { row, flags, link } of rowsOf(store, access, state, i, failed)) {
      signal?.throwIfAborted();
      // Further places of a message that is damaged have no first one to point at.
      const first = link === undefined || lost.has(link.mailbox, link.uid) ? undefined : link.name;
      const entry = messageEntry(store, access, mailbox, row, flags, first);
      const octets = await begun({ store, access, failed }, row.uid, entry);
      if (octets === undefined) continue;
      yield* octets;
      end.messages += 1;
      end.octets += row.size;
      tell();
    }
  }
}

interface Moment {
  readonly list: MailboxList;
  /** One for each mailbox of the list. */
  readonly snapshots: readonly MailboxSnapshot[];
  readonly quota: number | undefined;
}

/** What moves from one mailbox to another while they are read would be lost, or be there twice. */
async function oneMoment(store: MailStore, access: Access): Promise<Moment> {
  for (let i = 0; i < TRIES; i++) {
    const list = await store.mailboxes(access);
    const snapshots: MailboxSnapshot[] = [];
    for (const { id } of list.mailboxes) snapshots.push(await store.snapshot(access, id));
    const { modseq, quotaBytes } = await store.accountState(access);
    if (modseq === list.modseq) return { list, snapshots, quota: quotaBytes };
  }
  throw new MailError('unavailable', 'the account changes too fast just now');
}

async function manifestOf(
  { directory, random, clock }: ArchiveRooms,
  account: Account,
  { list, quota }: Moment,
  secret: AccountSecret | undefined,
): Promise<Manifest> {
  const aliases = (await directory.aliases())
    .filter(({ targets }) => targets.length === 1 && targets[0]!.toLowerCase() === account.address.toLowerCase())
    .map(({ address }) => address);
  const { forward } = account;
  const appPasswords = secret === undefined ? [] : await packAppPasswords(directory, account.id);
  return {
    format: FORMAT,
    version: VERSION,
    id: newId('commit', random),
    createdAt: new Date(clock.now()).toISOString(),
    account: {
      address: account.address,
      ...(quota === undefined ? {} : { quota }),
      ...(forward === undefined ? {} : { forward }),
      ...(await packRules(directory, account.id)),
      aliases,
      ...(secret === undefined ? {} : { secret: packSecret(secret) }),
      ...(appPasswords.length === 0 ? {} : { appPasswords }),
      ...(secret === undefined ? {} : await packSecondFactor(directory, account.id)),
    },
    mailboxes: list.mailboxes.map(({ id, name, role, uidValidity, uidNext, messages }) => {
      return { id, name, ...(role === undefined ? {} : { role }), uidValidity, uidNext, messages };
    }),
    subscribed: list.subscribed,
  };
}

export async function* allRecords(store: MailStore, access: Access, kind: string): AsyncGenerator<StoredRecord> {
  let before: StoredRecord | undefined;
  for (;;) {
    const page = await store.records(access, kind, { limit: PAGE, ...(before === undefined ? {} : { before }) });
    yield* page;
    before = page.at(-1);
    if (before === undefined || page.length < PAGE) return;
  }
}

async function* rowsOf(
  store: MailStore,
  access: Access,
  state: Moment,
  index: number,
  failed: (uid: Uid, error: MailError) => void,
) {
  const { id: mailbox } = state.list.mailboxes[index]!;
  const { uids, flags, flagSets } = state.snapshots[index]!;
  for (let from = 0; from < uids.length; from += PORTION) {
    const portion = [...uids.subarray(from, from + PORTION)];
    const places = new Map(portion.map((uid, i) => [uid, from + i]));
    for await (const batch of readableRows({
      store,
      access,
      mailbox,
      uids: portion,
      columns: { content: true },
      failed,
    })) {
      const links = await linksOf(store, access, state, batch, index);
      for (const row of batch) yield { row, flags: flagSets[flags[places.get(row.uid)!]!]!, link: links.get(row.uid) };
    }
  }
}

/** For messages that stand in several places, all but the first: the entry that has it. */
async function linksOf(
  store: MailStore,
  access: Access,
  { list, snapshots }: Moment,
  rows: readonly MessageRow[],
  index: number,
): Promise<Map<Uid, { readonly name: string; readonly mailbox: MailboxId; readonly uid: Uid }>> {
  const order = new Map(list.mailboxes.map(({ id }, i) => [id, i]));
  const placed = Map.groupBy(
    await store.placements(
      access,
      rows.map(({ message }) => message),
    ),
    ({ message }) => message,
  );
  const links: Awaited<ReturnType<typeof linksOf>> = new Map();
  for (const { uid, message } of rows) {
    const known = placed.get(message) ?? [];
    const earlier = known
      .filter((one) => isBefore(one, index, uid, order) && isIn(snapshots[order.get(one.mailbox)!]!, one.uid))
      .sort((a, b) => order.get(a.mailbox)! - order.get(b.mailbox)! || a.uid - b.uid)[0];
    if (earlier === undefined) continue;
    const name = entryName(list.mailboxes[order.get(earlier.mailbox)!] as Mailbox, earlier.uid);
    links.set(uid, { name, mailbox: earlier.mailbox, uid: earlier.uid });
  }
  return links;
}

function isBefore(one: Placed, index: number, uid: number, order: ReadonlyMap<string, number>): boolean {
  const at = order.get(one.mailbox);
  return at !== undefined && (at < index || (at === index && one.uid < uid));
}

/** The snapshot's UIDs ascend. */
function isIn({ uids }: MailboxSnapshot, uid: number): boolean {
  let low = 0;
  let high = uids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (uids[middle]! < uid) low = middle + 1;
    else high = middle;
  }
  return uids[low] === uid;
}

function jsonEntry(name: string, value: unknown, time: number): Buffer {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  return Buffer.concat([tarHead({ name, size: bytes.length, time }), bytes, padding(bytes.length)]);
}
