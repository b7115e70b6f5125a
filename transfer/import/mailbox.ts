/** One mailbox of theirs into one of ours: what is new, and flags that have changed there. Nothing is ever taken away here. */
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, Flags, MailboxId, NewMessage } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import type { ImportRooms } from '../import-messages.ts';
import { receiveMessage } from '../receive.ts';
import { blockOf, type Mark, type Marks, printOf } from './marks.ts';
import type { MailboxProgress, Tally } from './progress.ts';
import type { OpenMailbox, SourceMessage } from './source.ts';

export interface MailboxImport {
  readonly rooms: ImportRooms;
  readonly access: Access;
  readonly mailbox: MailboxId;
  readonly opened: OpenMailbox;
  readonly marks: Marks;
  readonly tally: Tally;
  readonly progress: MailboxProgress;
  /** Messages that other mailboxes have brought: passed over here. */
  readonly elsewhere?: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** Octets of small messages that are asked for, and committed, at once. */
const PORTION = 1_000_000;
/** Larger ones are streamed. */
const LARGE = 500_000;

export async function importMailbox(work: MailboxImport): Promise<void> {
  const { opened, marks, progress } = work;
  const there = await opened.messages();
  progress.total = there.length;
  await recogniseAgain(work, there);
  const fresh = there.filter(({ uid, emailId }) => {
    return !marks.has(uid) && !(emailId !== undefined && work.elsewhere?.has(emailId));
  });
  progress.seen = there.length - fresh.length;
  work.tally.tell();
  await followFlags(work, there);
  for (const portion of portionsOf(fresh)) {
    work.signal.throwIfAborted();
    await takePortion(work, portion);
  }
  progress.done = true;
  work.tally.tell();
}

/** Within one block each, so that one record covers them; a large message alone. */
function* portionsOf(messages: readonly SourceMessage[]): Generator<SourceMessage[]> {
  let portion: SourceMessage[] = [];
  let size = 0;
  for (const message of messages) {
    const last = portion.at(-1);
    const apart = message.size > LARGE || (last !== undefined && last.size > LARGE);
    if (last !== undefined && (apart || blockOf(last.uid) !== blockOf(message.uid) || size + message.size > PORTION)) {
      yield portion;
      portion = [];
      size = 0;
    }
    portion.push(message);
    size += message.size;
  }
  if (portion.length > 0) yield portion;
}

interface Taken {
  readonly mark: Mark;
  readonly message: NewMessage;
  readonly flags: Flags;
  readonly size: number;
}

async function takePortion(work: MailboxImport, portion: readonly SourceMessage[]): Promise<void> {
  const { opened, tally, progress, rooms } = work;
  const byUid = new Map(portion.map((message) => [message.uid, message]));
  const taken: Taken[] = [];
  const [first] = portion;
  if (portion.length === 1 && first!.size > LARGE) {
    if (first!.size > rooms.messageSize) {
      return tally.failed(progress, first!.uid, 'too-large', `more than ${rooms.messageSize} octets`);
    }
    const content = await opened.content(first!.uid);
    if (content !== undefined) taken.push(...(await receive(work, first!, content)));
  } else {
    for await (const { uid, content } of opened.contents([...byUid.keys()])) {
      const message = byUid.get(uid);
      // A server may say a message twice.
      byUid.delete(uid);
      if (message !== undefined) taken.push(...(await receive(work, message, one(content))));
    }
  }
  taken.sort((a, b) => a.mark.uid - b.mark.uid);
  await keep(work, taken);
}

async function* one(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

async function receive(
  work: MailboxImport,
  source: SourceMessage,
  content: AsyncIterable<Uint8Array>,
): Promise<Taken[]> {
  const { rooms, access, tally, progress } = work;
  const { store, random, messageSize } = rooms;
  try {
    const { body, index } = await receiveMessage({ store, random, owner: access.owner, limit: messageSize }, content);
    const id = newId('message', random);
    const message = { id, body, prefix: new Uint8Array(0), index, internalDate: { time: source.time, zone: 0 } };
    const { uid, flags, emailId } = source;
    const print = printOf(source, index.headers.messageId ?? '');
    const mark = { uid, message: id, flags, print, ...(emailId === undefined ? {} : { emailId }) };
    return [{ mark, message, flags, size: body.length }];
  } catch (error) {
    if (!(error instanceof MailError) || error.failure === 'unavailable') throw error;
    tally.failed(progress, source.uid, error.failure, error.message);
    return [];
  }
}

/** All together; where they don't fit, one by one, so that what fits is there. */
async function keep(work: MailboxImport, taken: readonly Taken[]): Promise<void> {
  if (taken.length === 0) return;
  const { rooms, access, marks, mailbox, tally, progress } = work;
  const block = blockOf(taken[0]!.mark.uid);
  const added = taken.map(({ mark }) => mark);
  const mutations: Mutation[] = [
    marks.put(block, added),
    ...taken.map(({ message, flags }) => ({ type: 'add-message' as const, mailbox, message, flags })),
  ];
  const commit = { owner: access.owner, actor: access.viewer, id: newId('commit', rooms.random), mutations };
  const answer = await rooms.store.commit(commit);
  if (answer.ok) {
    marks.done(block, added, answer.modseq);
    tally.copied(
      progress,
      taken.length,
      taken.reduce((sum, { size }) => sum + size, 0),
    );
    return;
  }
  if (answer.failure === 'exists' || answer.failure === 'conflict') {
    // Somebody else has taken some of them meanwhile, or we did and were killed before we knew.
    await marks.reload(rooms.store, access, block);
    const left = taken.filter(({ mark }) => !marks.has(mark.uid));
    progress.seen += taken.length - left.length;
    return keep(work, left);
  }
  if (taken.length > 1 && answer.failure === 'over-quota') {
    for (const single of taken) await keep(work, [single]);
    return;
  }
  throw new MailError(answer.failure, answer.text);
}

/** What has changed there is changed here, and no other flag: who marks mail here keeps those marks. */
async function followFlags(work: MailboxImport, there: readonly SourceMessage[]): Promise<void> {
  const { marks } = work;
  const now = new Map(there.map((message) => [message.uid, message]));
  const blocks = new Map<number, { mark: Mark; flags: readonly string[] }[]>();
  for (const mark of marks.all()) {
    const flags = now.get(mark.uid)?.flags;
    if (flags === undefined || flags.join(' ') === mark.flags.join(' ')) continue;
    const block = blockOf(mark.uid);
    blocks.set(block, [...(blocks.get(block) ?? []), { mark, flags }]);
  }
  for (const [block, changes] of blocks) {
    work.signal.throwIfAborted();
    await followBlock(work, block, changes);
  }
}

async function followBlock(
  work: MailboxImport,
  block: number,
  changes: readonly { mark: Mark; flags: readonly string[] }[],
): Promise<void> {
  const { rooms, access, marks, tally, progress } = work;
  const placed = await rooms.store.placements(
    access,
    changes.map(({ mark }) => mark.message),
  );
  const mutations: Mutation[] = [];
  for (const { mark, flags } of changes) {
    const added = flags.filter((flag) => !mark.flags.includes(flag));
    const gone = mark.flags.filter((flag) => !flags.includes(flag));
    for (const { message, mailbox, uid } of placed) {
      if (message !== mark.message) continue;
      const on = { type: 'set-flags', mailbox, uids: fromUids([uid]) } as const;
      if (added.length > 0) mutations.push({ ...on, change: 'add', flags: added });
      if (gone.length > 0) mutations.push({ ...on, change: 'remove', flags: gone });
    }
  }
  const now = changes.map(({ mark, flags }) => ({ ...mark, flags }));
  mutations.push(marks.put(block, now));
  const commit = { owner: access.owner, actor: access.viewer, id: newId('commit', rooms.random), mutations };
  const answer = await rooms.store.commit(commit);
  if (answer.ok) {
    marks.done(block, now, answer.modseq);
    progress.changed += changes.length;
    return tally.tell();
  }
  // Whoever was faster has followed them.
  if (answer.failure === 'conflict') return marks.reload(rooms.store, access, block);
  throw new MailError(answer.failure, answer.text);
}

/**
 * The server has counted its UIDs anew (RFC 9051 §2.3.1.1), or has another name today: what we have of it is known by size, date and Message-ID, and marked by its new
 * UIDs or name.
 */
async function recogniseAgain(work: MailboxImport, there: readonly SourceMessage[]): Promise<void> {
  const { rooms, access, marks, opened } = work;
  const earlier = new Map<string, Mark[]>();
  for (const mark of marks.earlier()) earlier.set(mark.print, [...(earlier.get(mark.print) ?? []), mark]);
  const elsewhere = await takenElsewhere(work);
  if (earlier.size === 0 && elsewhere.size === 0) return;
  const ids = await opened.messageIds();
  const known = there.flatMap((message): Mark[] => {
    const print = printOf(message, ids.get(message.uid) ?? '');
    const mark = earlier.get(print)?.shift() ?? elsewhere.get(message.uid)?.find((one) => one.print === print);
    return mark === undefined || marks.has(message.uid) ? [] : [{ ...mark, uid: message.uid }];
  });
  for (const [block, found] of Map.groupBy(known, ({ uid }) => blockOf(uid))) {
    const commit = { owner: access.owner, actor: access.viewer, id: newId('commit', rooms.random) };
    const answer = await rooms.store.commit({ ...commit, mutations: [marks.put(block, found)] });
    if (answer.ok) marks.done(block, found, answer.modseq);
    else if (answer.failure === 'exists' || answer.failure === 'conflict') {
      await marks.reload(rooms.store, access, block);
    } else throw new MailError(answer.failure, answer.text);
  }
  const forgotten = marks.forgetEarlier();
  if (forgotten.length === 0) return;
  const commit = { owner: access.owner, actor: access.viewer, id: newId('commit', rooms.random) };
  const answer = await rooms.store.commit({ ...commit, mutations: forgotten });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
}

/**
 * By UID, what another name of this mailbox has brought. Another mailbox there may have the same UIDVALIDITY and hold copies under the same UIDs: only what stands in our
 * mailbox counts.
 */
async function takenElsewhere({ rooms, access, marks, mailbox }: MailboxImport): Promise<Map<number, Mark[]>> {
  const all = marks.elsewhere();
  if (all.length === 0) return new Map();
  const placed = await rooms.store.placements(
    access,
    all.map(({ message }) => message),
  );
  const here = new Set(placed.filter((one) => one.mailbox === mailbox).map(({ message }) => message));
  return Map.groupBy(
    all.filter(({ message }) => here.has(message)),
    ({ uid }) => uid,
  );
}
