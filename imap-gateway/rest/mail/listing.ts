/**
 * Lists of messages, the newest first: by the time at which they were received, then mailbox, then UID. A page begins behind what its cursor names, so
 * it stays right whatever comes and goes.
 */
import Type from 'typebox';
import type { Access, MailboxId, MessageId, Uid, UidSet } from '#store/types.ts';
import { contains } from '#store/uid-set.ts';
import { BIT, type MailboxView } from '#store/view.ts';
import type { Fragment } from './fragments.ts';
import type { Mail } from './mail.ts';
import type { MailboxOrder } from './order.ts';

/** What a cursor says: the last message of the page before. */
export const Key = Type.Tuple([Type.Number(), Type.String(), Type.Integer()]);
export type ListKey = readonly [time: number, mailbox: MailboxId, uid: Uid];

/** A mailbox that a list goes through. */
export interface Source {
  readonly view: MailboxView;
  readonly order: MailboxOrder;
  /** Those that a search has found; all when absent. */
  readonly found?: UidSet;
}

export interface Listed {
  readonly key: ListKey;
  readonly fragment: Fragment;
}

interface Spot {
  readonly time: number;
  readonly mailbox: MailboxId;
  readonly uid: Uid;
}

/** Newest first. @param from times greater than this are left out. */
function* walk(sources: readonly Source[], from: number): Generator<Spot> {
  const walks = sources
    .toSorted((a, b) => (a.view.mailbox < b.view.mailbox ? -1 : 1))
    .map((source) => ({ source, at: startOf(source, from) }));
  for (;;) {
    let best: (typeof walks)[number] | undefined;
    for (const one of walks) {
      if (one.at >= 0 && (best === undefined || timeOf(one) > timeOf(best))) best = one;
    }
    if (best === undefined) return;
    const { view, order } = best.source;
    yield { time: timeOf(best), mailbox: view.mailbox, uid: order.uidAt(best.at) };
    best.at = next(best.source, best.at - 1);
  }
}

const timeOf = ({ source, at }: { readonly source: Source; readonly at: number }): number => source.order.timeAt(at);

const startOf = (source: Source, from: number): number =>
  next(source, source.order.before({ time: from, uid: Number.POSITIVE_INFINITY }));

/** The next index from `at` downwards whose message is there to be listed. */
function next({ view, order, found }: Source, at: number): number {
  for (let index = at; index >= 0; index--) {
    const uid = order.uidAt(index);
    const position = view.indexOf(uid);
    if (position < 0 || (view.bitsAt(position) & BIT.deleted) !== 0) continue;
    if (found === undefined || contains(found, uid)) return index;
  }
  return -1;
}

/** All that a source lists. */
export function* uidsOf(source: Source): Generator<Uid> {
  for (let at = startOf(source, Number.POSITIVE_INFINITY); at >= 0; at = next(source, at - 1)) {
    yield source.order.uidAt(at);
  }
}

/** In the order of `walk`: whether it stands behind the key. */
function isBehind({ time, mailbox, uid }: Spot, [keyTime, keyMailbox, keyUid]: ListKey): boolean {
  if (time !== keyTime) return time < keyTime;
  return mailbox === keyMailbox ? uid < keyUid : mailbox > keyMailbox;
}

/** Messages that are looked at in one go. */
const MOST_AT_ONCE = 201;

/**
 * The messages behind `after`, each once: one that is in several mailboxes stands where it comes first.
 * @param limit how many are wanted, about; the caller stops when it has enough.
 */
export async function* list(
  mail: Mail,
  access: Access,
  sources: readonly Source[],
  after: ListKey | undefined,
  limit: number,
): AsyncGenerator<readonly Listed[]> {
  const spots = walk(sources, after?.[0] ?? Number.POSITIVE_INFINITY);
  /** Of those with the last time: a copy has the time of its original. */
  const seen = new Set<MessageId>();
  let time = Number.NaN;
  for (;;) {
    const chunk = nextOf(spots, Math.min(limit, MOST_AT_ONCE));
    if (chunk.length === 0) return;
    const fragments = await mail.fragments.of(access, chunk);
    const listed: Listed[] = [];
    for (const [i, spot] of chunk.entries()) {
      const fragment = fragments[i];
      if (fragment === undefined) continue;
      if (spot.time !== time) seen.clear();
      time = spot.time;
      if (seen.has(fragment.message)) continue;
      seen.add(fragment.message);
      if (after === undefined || isBehind(spot, after)) {
        listed.push({ key: [spot.time, spot.mailbox, spot.uid], fragment });
      }
    }
    if (listed.length > 0) yield listed;
  }
}

/** Unlike `take`, it leaves the rest to be asked for. */
function nextOf(spots: Generator<Spot>, most: number): Spot[] {
  const out: Spot[] = [];
  while (out.length < most) {
    const { done, value } = spots.next();
    if (done === true) break;
    out.push(value);
  }
  return out;
}
