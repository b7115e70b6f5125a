/** Reads of the memory backend, each taken at one moment. */
import type { ChangeRecord, Changes, MailboxDelta, MailboxGlance, MailboxSnapshot, PlacementRows } from '../change.ts';
import { hasFlag, keywordsOf } from '../flags.ts';
import { CONTENT_COLUMN_LIMIT, type Columns, type MailboxSizes, type MessageRow } from '../store.ts';
import type { AccountState, Flags, Mailbox, MailboxList, ModSeq, Placed, Uid, UidSet } from '../types.ts';
import { contains, EMPTY, fromUids, subtract, union } from '../uid-set.ts';
import { type Account, type MailboxState, type Message, type Placement, placementsIn, type State } from './state.ts';

export function accountState(account: Account): AccountState {
  const { id, modseq, usedBytes, usedMessages, quotaBytes } = account;
  return { id, modseq, usedBytes, usedMessages, ...(quotaBytes === undefined ? {} : { quotaBytes }) };
}

export function mailboxList(account: Account): MailboxList {
  const mailboxes = [...account.mailboxes.values()].map(describe).sort((a, b) => (a.name < b.name ? -1 : 1));
  return { modseq: account.modseq, mailboxes, subscribed: [...account.subscribed].sort() };
}

function describe(mailbox: MailboxState): Mailbox {
  const { id, name, role, uidValidity, uidNext, highestModseq, createdModseq, messages, unseen, deleted, size } =
    mailbox;
  const row = { id, name, uidValidity, uidNext, highestModseq, createdModseq, messages, unseen, deleted, size };
  return role === undefined ? row : { ...row, role };
}

export function rowsOf(placements: readonly Placement[]): PlacementRows {
  const flagSets: Flags[] = [];
  const indexOf = new Map<string, number>();
  const flags = Uint32Array.from(placements, (placement) => {
    const key = placement.flags.join(' ');
    const known = indexOf.get(key);
    if (known !== undefined) return known;
    indexOf.set(key, flagSets.length);
    return flagSets.push(placement.flags) - 1;
  });
  const uids = Uint32Array.from(placements, (placement) => placement.uid);
  const modseqs = Float64Array.from(placements, (placement) => placement.modseq);
  return { uids, modseqs, flags, flagSets };
}

export function placed(account: Account, wanted: (message: Message) => boolean): Placed[] {
  return [...account.mailboxes.values()].flatMap((mailbox) =>
    mailbox.placements
      .filter(({ message }) => wanted(message))
      .map(({ uid, message: { id, thread } }) => ({ message: id, thread, mailbox: mailbox.id, uid })),
  );
}

export function snapshot(account: Account, mailbox: MailboxState): MailboxSnapshot {
  const { uidValidity, uidNext, highestModseq } = mailbox;
  const head = { mailbox: mailbox.id, uidValidity, uidNext, highestModseq, modseq: account.modseq };
  return { ...head, ...rowsOf(mailbox.placements) };
}

export function sizes({ placements }: MailboxState): MailboxSizes {
  const uids = Uint32Array.from(placements, ({ uid }) => uid);
  return { uids, sizes: Float64Array.from(placements, ({ message }) => message.size) };
}

export function growth({ placements }: MailboxState): ReadonlyMap<Uid, number> {
  const all = placements.map(({ uid, message }) => [uid, message.index.sending.growth] as const);
  return new Map(all.filter(([, octets]) => octets > 0));
}

export function glance(account: Account, mailbox: MailboxState): MailboxGlance {
  const { uidValidity, uidNext, highestModseq, messages, placements } = mailbox;
  const keywords = keywordsOf(placements.map(({ flags }) => flags));
  const seen = placements.findIndex(({ flags }) => !hasFlag(flags, '\\Seen'));
  const head = { uidValidity, uidNext, highestModseq, modseq: account.modseq, messages, keywords };
  return seen < 0 ? head : { ...head, firstUnseen: seen + 1 };
}

export function delta(account: Account, mailbox: MailboxState, since: ModSeq): MailboxDelta {
  const { uidValidity, uidNext, highestModseq } = mailbox;
  const complete = since >= mailbox.tombstoneFloor;
  const changed = rowsOf(mailbox.placements.filter((placement) => placement.modseq > since));
  let vanished = EMPTY;
  if (complete) {
    for (const grave of mailbox.tombstones) if (grave.modseq > since) vanished = union(vanished, grave.uids);
  } else {
    const existing = fromUids(mailbox.placements.map((placement) => placement.uid));
    vanished = subtract(uidNext > 1 ? [[1, uidNext - 1]] : EMPTY, existing);
  }
  return { modseq: account.modseq, uidValidity, highestModseq, uidNext, changed, vanished, complete, removed: false };
}

export function removedDelta(account: Account, at: ModSeq): MailboxDelta {
  const rest = { changed: rowsOf([]), vanished: EMPTY, complete: true, removed: true };
  return { modseq: account.modseq, uidValidity: 0, highestModseq: at, uidNext: 1, ...rest };
}

export function changes(account: Account, since: ModSeq, limit: number): Changes {
  const { modseq, log } = account;
  if (since < account.logFloor) return { complete: false, modseq };
  const records: ChangeRecord[] = [];
  for (const { record } of log) {
    if (record.modseq <= since) continue;
    const last = records.at(-1);
    // A commit's records stay together, also where that exceeds the limit.
    if (last !== undefined && records.length >= limit && record.modseq > last.modseq) {
      return { complete: true, modseq: last.modseq, records };
    }
    records.push(record);
  }
  return { complete: true, modseq, records };
}

export function select(mailbox: MailboxState, uids: UidSet, expunged: boolean): Placement[] {
  const existing = placementsIn(mailbox, uids);
  if (!expunged) return existing;
  const gone = [...mailbox.retained.values()].map((entry) => entry.placement);
  return [...existing, ...gone.filter(({ uid }) => contains(uids, uid))].sort((a, b) => a.uid - b.uid);
}

export function messageRow(state: State, placement: Placement, columns: Columns): MessageRow {
  const { message, uid, savedAt } = placement;
  const { index, size, prefix } = message;
  const whole = () => contentOf(state, placement);
  return {
    uid,
    message: message.id,
    thread: message.thread,
    internalDate: message.internalDate,
    savedAt,
    size,
    prefixLength: prefix.length,
    ...(columns.envelope === true && { envelope: index.envelope }),
    ...(columns.body === true && { body: index.body }),
    ...(columns.bodystructure === true && { bodystructure: index.bodystructure }),
    ...(columns.parts === true && { parts: index.root }),
    ...(columns.headers === true && { headers: index.headers }),
    ...(columns.preview === true && { preview: index.preview }),
    ...(columns.rawHeader === true && { rawHeader: whole().subarray(0, prefix.length + index.root.bodyStart) }),
    ...(columns.content === true && size <= CONTENT_COLUMN_LIMIT && { content: whole() }),
  };
}

/** Prefix and body, freshly joined: the caller may keep or change it. */
export function contentOf(state: State, { message }: Placement): Uint8Array {
  const body = state.bodies.get(message.body);
  return Buffer.concat([message.prefix, body?.data ?? Buffer.alloc(0)]);
}
