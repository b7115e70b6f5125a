/** One pass over the account: what the other side lacks is sent, in order, mailbox by mailbox. The same pass again sends only what did not arrive. */
import type { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { MailboxDelta } from '#store/change.ts';
import { newId } from '#store/ids.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, Flags, Mailbox, Uid, UidSet } from '#store/types.ts';
import { fromUids, intersect } from '#store/uid-set.ts';
import { messageEntry } from '../archive/message-entry.ts';
import { TAR_END } from '../archive/tar-writer.ts';
import { begun, readableRows, type UnreadableList } from '../readable.ts';
import { treeChanges } from './mailbox-tree.ts';
import type { MoveChange, MoveState, MoveTarget } from './protocol.ts';

export type Since = Readonly<Record<string, number>>;

export interface Pass {
  readonly store: MailStore;
  readonly random: Random;
  readonly access: Access;
  readonly target: MoveTarget;
  readonly id: string;
  readonly address: string;
  readonly since: Since;
  /** Once the account lives there: nothing but mail that still comes in, and flags of what came before. */
  readonly same?: Readonly<Record<string, number>>;
  readonly signal: AbortSignal;
  /** Messages that are damaged: those of earlier passes are not tried again. */
  readonly lost: UnreadableList;
  /** Up to here it need not be done again. */
  readonly followed: (since: Since) => Promise<void>;
  readonly counted: (messages: number, octets: number, changed: number) => void;
}

/** Octets of messages in one request, and how many. */
const PORTION = 1_000_000;
const MOST_MESSAGES = 200;
const ROWS = 500;
/** Ranges of UIDs in one change; and in one request, where a change without them counts as ten. */
const MOST_RANGES = 5_000;
const MOST_WEIGHT = 10_000;

/** `changes`: how much was sent. */
export async function passOver(pass: Pass): Promise<{ since: Since; changes: number }> {
  const { store, access, target, id, address } = pass;
  let state = await target.state(id, address);
  const { mailboxes, subscribed } = await store.mailboxes(access);
  const sender = new Sender(pass, state.version);
  if (pass.same === undefined) {
    const tree = treeChanges({ mailboxes, subscribed }, state, () => `moving ${newId('mailbox', pass.random)}`);
    await sender.changes(tree);
    if (tree.length > 0) state = await target.state(id, address);
  }
  const since: Record<string, number> = {};
  for (const mailbox of mailboxes) {
    pass.signal.throwIfAborted();
    const before = sender.sent;
    const there = state.mailboxes.find((one) => one.id === mailbox.id);
    const delta = await store.delta(access, mailbox.id, pass.since[mailbox.id] ?? 0);
    if (delta.removed) continue;
    if (there !== undefined || pass.same !== undefined) {
      await follow(pass, sender, mailbox, there, state.last[mailbox.id] ?? 0, delta);
    }
    since[mailbox.id] = delta.modseq;
    if (sender.sent > before) await pass.followed({ ...pass.since, ...since });
  }
  return { since, changes: sender.sent };
}

/** Steps one after the other, each on the version that the one before left. */
class Sender {
  readonly #pass: Pass;
  #version: number;
  sent = 0;

  constructor(pass: Pass, version: number) {
    this.#pass = pass;
    this.#version = version;
  }

  async changes(changes: readonly MoveChange[]): Promise<void> {
    const some: MoveChange[] = [];
    let weight = 0;
    for (const change of changes) {
      const more = 1 + ('uids' in change ? change.uids.length : 10);
      if (weight + more > MOST_WEIGHT) await this.#send(some.splice(0));
      weight = some.length === 0 ? more : weight + more;
      some.push(change);
    }
    if (some.length > 0) await this.#send(some);
  }

  async #send(changes: readonly MoveChange[]): Promise<void> {
    if (changes.length === 0) return;
    const { target, id, address } = this.#pass;
    this.#version = (await target.changes(id, address, this.#version, changes)).version;
    this.sent += changes.length;
  }

  async messages(tar: AsyncIterable<Uint8Array>, messages: number): Promise<void> {
    const { target, id, address } = this.#pass;
    this.#version = (await target.messages(id, address, this.#version, tar)).version;
    this.sent += messages;
  }
}

async function follow(
  pass: Pass,
  sender: Sender,
  mailbox: Mailbox,
  there: MoveState['mailboxes'][number] | undefined,
  last: Uid,
  delta: MailboxDelta,
): Promise<void> {
  const { uids, flags, flagSets } = delta.changed;
  const equal = Math.min(last, pass.same?.[mailbox.id] ?? last);
  const fresh = new Map<Uid, Flags>();
  const known = new Map<number, Uid[]>();
  for (const [i, uid] of uids.entries()) {
    if (uid > last && !pass.lost.has(mailbox.id, uid)) fresh.set(uid, flagSets[flags[i]!]!);
    else if (uid <= equal && there !== undefined) known.set(flags[i]!, [...(known.get(flags[i]!) ?? []), uid]);
  }
  // Of what has come the flags, and what went; then what is new.
  const changes = [...known].flatMap(([set, list]) => flagChanges(mailbox, list, flagSets[set]!));
  if (pass.same === undefined && equal > 0) changes.push(...expunges(mailbox, intersect(delta.vanished, [[1, equal]])));
  await sender.changes(changes);
  if (changes.length > 0) pass.counted(0, 0, changes.length);
  await sendMessages(pass, sender, mailbox, fresh);
  if (pass.same === undefined && there !== undefined && delta.uidNext > Math.max(there.uidNext, lastOf(fresh) + 1)) {
    await sender.changes([{ type: 'raise-uid-next', mailbox: mailbox.id, uidNext: delta.uidNext }]);
  }
}

/** So many ranges a change. */
function* slices(ranges: UidSet): Generator<UidSet> {
  for (let from = 0; from < ranges.length; from += MOST_RANGES) yield ranges.slice(from, from + MOST_RANGES);
}

function expunges(mailbox: Mailbox, gone: UidSet): MoveChange[] {
  return [...slices(gone)].map((uids) => ({ type: 'expunge', mailbox: mailbox.id, uids }));
}

function flagChanges(mailbox: Mailbox, uids: readonly Uid[], flags: Flags): MoveChange[] {
  return [...slices(fromUids(uids))].map((some) => ({ type: 'set-flags', mailbox: mailbox.id, uids: some, flags }));
}

const lastOf = (fresh: ReadonlyMap<Uid, Flags>): Uid => [...fresh.keys()].at(-1) ?? 0;

async function sendMessages(
  pass: Pass,
  sender: Sender,
  mailbox: Mailbox,
  fresh: ReadonlyMap<Uid, Flags>,
): Promise<void> {
  const { store, access } = pass;
  const uids = [...fresh.keys()];
  const reads = { store, access, mailbox: mailbox.id, failed: failedOf(pass, mailbox) };
  for (let from = 0; from < uids.length; from += ROWS) {
    let batch: { uid: Uid; size: number }[] = [];
    let octets = 0;
    const send = async (): Promise<void> => {
      if (batch.length === 0) return;
      pass.signal.throwIfAborted();
      const some = batch.map(({ uid }) => uid);
      await sender.messages(tarOf(pass, mailbox, some, fresh), batch.length);
      pass.counted(batch.length, octets, 0);
      batch = [];
      octets = 0;
    };
    // What goes meanwhile is still readable for a while; that it went is told by the next pass.
    for await (const rows of readableRows({ ...reads, uids: uids.slice(from, from + ROWS), columns: {} })) {
      for (const { uid, size } of rows) {
        if (batch.length >= MOST_MESSAGES || (batch.length > 0 && octets + size > PORTION)) await send();
        batch.push({ uid, size });
        octets += size;
      }
    }
    await send();
  }
}

async function* tarOf(
  pass: Pass,
  mailbox: Mailbox,
  uids: readonly Uid[],
  flags: ReadonlyMap<Uid, Flags>,
): AsyncGenerator<Uint8Array> {
  const { store, access } = pass;
  const reads = { store, access, mailbox: mailbox.id, failed: failedOf(pass, mailbox) };
  for await (const rows of readableRows({ ...reads, uids, columns: { content: true } })) {
    for (const row of rows) {
      const octets = await begun(reads, row.uid, messageEntry(store, access, mailbox, row, flags.get(row.uid)!));
      if (octets !== undefined) yield* octets;
    }
  }
  yield TAR_END;
}

function failedOf({ lost }: Pass, { id, name }: Mailbox): (uid: Uid, error: MailError) => void {
  return (uid, { failure: code, message }) => lost.add(id, { path: name, uid, code, message });
}
