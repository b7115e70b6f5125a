/** FETCH and UID FETCH (RFC 9051 §6.4.5). Finished data is copied out; nothing is parsed here. */
import type { MessageRow } from '#store/store.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import { type CommandContext, type Completion, defineCommand, no, ok } from '../command.ts';
import { type FetchArguments, parseFetch } from '../grammar/fetch.ts';
import { enableCondstore } from '../notify.ts';
import type { NumberRange } from '../numbering.ts';
import { formatFlags } from '../response/flags.ts';
import { PageWriter } from '../response/page-writer.ts';
import type { SelectedMailbox, StateOf } from '../session.ts';
import type { Placement } from '../view.ts';
import { UnknownEncoding } from './fetch/binary.ts';
import { FetchWriter } from './fetch/fetch-writer.ts';
import { PackedAnswer, type PackedPlan, planPacked } from './fetch/packed.ts';
import { type FetchPlan, planFetch } from './fetch/plan.ts';
import { writeItem } from './fetch/row.ts';
import { markSeen } from './fetch/seen.ts';
import { countMessages, resolveMessages, uidsOf } from './message-set.ts';

type Selected = StateOf<'selected'>;
type Arguments = FetchArguments & { readonly uid: boolean };

/** Messages answered between two looks at the client's speed. */
const PACE = 512;
/** Messages from which on packed blocks are worth while, even if only a part of each is asked for. */
const MANY = 64;

export const fetch = defineCommand({
  name: 'FETCH',
  uid: true,
  allowedIn: ['selected'],
  capabilities: ['BINARY', 'CONDSTORE', 'OBJECTID', 'PREVIEW', 'SAVEDATE'],
  // RFC 9051 §7.5.1: no EXPUNGE while message numbers are in use; UID FETCH uses none.
  updates: (args: Arguments) => (args.uid ? 'all' : 'no-expunge'),
  parse: (cursor, { uid }): Arguments => ({ ...parseFetch(cursor), uid }),
  run: runFetch,
});

async function runFetch(args: Arguments, context: CommandContext, state: Selected): Promise<Completion> {
  if (args.changedSince !== undefined || args.items.some(({ item }) => item === 'MODSEQ')) {
    enableCondstore(context);
  }
  const plan = planFetch(args, args.uid, context.session.enabled.has('CONDSTORE'));
  const ranges = changedSince(resolveMessages(args.set, args.uid, state.selected), args.changedSince, state);
  const writer = new FetchWriter(context.out);
  const asked = countMessages(ranges);
  let served = 0;
  try {
    served = plan.viewOnly
      ? await fetchFromView(plan, ranges, state, writer)
      : await fetchFromStore(plan, ranges, context, state, writer);
  } catch (error) {
    // Whole responses only: what was begun has been taken back.
    writer.send();
    if (!(error instanceof UnknownEncoding)) throw error;
    return no(error.message, 'UNKNOWN-CTE');
  }
  writer.send();
  if (served === asked) return ok('FETCH completed');
  // RFC 2180 §4.1.2: what is gone for good can't be answered; UIDs that are gone are no error.
  const text = 'Some of the messages no longer exist';
  return args.uid ? ok(text, 'EXPUNGEISSUED') : no(text, 'EXPUNGEISSUED');
}

function changedSince(
  ranges: readonly NumberRange[],
  since: number | undefined,
  { selected }: Selected,
): readonly NumberRange[] {
  if (since === undefined) return ranges;
  const uids: Uid[] = [];
  for (const [first, last] of ranges) {
    for (let number = first; number <= last; number++) {
      const uid = selected.numbering.uid(number)!;
      const placement = selected.view.placement(uid);
      if (placement !== undefined && placement.modseq > since) uids.push(uid);
    }
  }
  return selected.numbering.numbersOf(fromUids(uids));
}

/** Answers how many messages were served. */
async function fetchFromView(
  plan: FetchPlan,
  ranges: readonly NumberRange[],
  { selected }: Selected,
  writer: FetchWriter,
): Promise<number> {
  const { numbering } = selected;
  let served = 0;
  for (const [first, last] of ranges) {
    for (let number = first; number <= last; number++) {
      // The numbering stands still while a command runs, so numbers stay right across the waits.
      const uid = numbering.uid(number)!;
      const placement = placementOf(uid, selected);
      if (placement === undefined) continue;
      writer.message(number, viewItems(plan, uid, placement));
      if (++served % PACE === 0) await writer.pace();
    }
  }
  return served;
}

/** RFC 2180 §4.1: what has been expunged by others, and is known to the client still, is shown on its way out. */
const EXPUNGED: readonly string[] = ['\\Deleted'];

function placementOf(uid: Uid, { view, numbering }: SelectedMailbox): Placement | undefined {
  const found = view.placement(uid);
  if (found !== undefined || !numbering.isVanished(uid)) return found;
  return { flags: EXPUNGED, modseq: view.highestModseq };
}

function viewItems(plan: FetchPlan, uid: Uid, placement: Placement | undefined): string {
  let out = plan.uid ? `UID ${uid}` : '';
  if (placement === undefined) return out;
  if (plan.flags) out += `${out === '' ? '' : ' '}FLAGS ${formatFlags(placement.flags)}`;
  if (plan.modseq) out += `${out === '' ? '' : ' '}MODSEQ (${placement.modseq})`;
  return out;
}

async function fetchFromStore(
  plan: FetchPlan,
  ranges: readonly NumberRange[],
  context: CommandContext,
  state: Selected,
  writer: FetchWriter,
): Promise<number> {
  const { selected } = state;
  if (!plan.marksSeen && countMessages(ranges) >= MANY) {
    const packed = planPacked(plan);
    if (packed !== undefined) return fetchPacked({ plan, packed, ranges, context, state, writer });
  }
  const uids: UidSet = uidsOf(ranges, selected);
  return fetchRows(plan, uids, context, state, writer);
}

/** From packed blocks, and from rows what they don't have. */
async function fetchPacked(fetch: {
  readonly plan: FetchPlan;
  readonly packed: PackedPlan;
  readonly ranges: readonly NumberRange[];
  readonly context: CommandContext;
  readonly state: Selected;
  readonly writer: FetchWriter;
}): Promise<number> {
  const { plan, packed, ranges, context, state, writer } = fetch;
  const { access, selected } = state;
  const { numbering } = selected;
  const fromView = (uid: Uid): string =>
    viewItems(plan, uid, plan.flags || plan.modseq ? placementOf(uid, selected) : undefined);
  const answer = new PackedAnswer({ plan: packed, ranges, numbering, fromView });
  const page = new PageWriter(context.out);
  const uids = ranges.flatMap(([first, last]) => numbering.uids(first, last));
  for await (const blocks of context.services.store.packed(access, selected.id, uids, packed.columns)) {
    for (const block of blocks) {
      answer.write(page, block);
      if (context.out.full) await context.out.ready();
    }
  }
  page.send();
  const missing = answer.missing();
  return answer.served + (await fetchRows(plan, missing, context, state, writer));
}

async function fetchRows(
  plan: FetchPlan,
  uids: UidSet,
  context: CommandContext,
  state: Selected,
  writer: FetchWriter,
): Promise<number> {
  const { access, selected } = state;
  const { store } = context.services;
  const source = { store, access, mailbox: selected.id };
  const marks = plan.marksSeen && !selected.readOnly;
  let served = 0;
  if (uids.length === 0) return served;
  // Messages that went meanwhile are served as long as the client knows them (RFC 2180 §4.1.1).
  const options = { expunged: true, borrowed: true };
  for await (const rows of store.messages(access, selected.id, uids, plan.columns, options)) {
    for (const row of rows) {
      const done = fetchRow(plan, row, state, source, writer);
      if (typeof done === 'boolean' ? done : await done) served++;
      const waiting = writer.pace();
      if (waiting !== undefined) await waiting;
    }
    writer.send(); // which copies: the rows are ours until the next come
    if (marks)
      await markSeen(
        rows.map(({ uid }) => uid),
        context,
        state,
      );
  }
  return served;
}

/** Answers a promise only where octets have to be waited for. */
function fetchRow(
  plan: FetchPlan,
  row: MessageRow,
  { selected }: Selected,
  source: Parameters<typeof writeItem>[2],
  writer: FetchWriter,
): boolean | Promise<boolean> {
  const number = selected.numbering.number(row.uid);
  if (number === 0) return false;
  writer.begin(number);
  try {
    const fromView = viewItems(plan, row.uid, plan.flags || plan.modseq ? placementOf(row.uid, selected) : undefined);
    if (fromView !== '') writer.item(fromView);
    for (const [i, item] of plan.items.entries()) {
      const waiting = writeItem(item, row, source, writer);
      if (waiting !== undefined) return finishRow(waiting, plan.items.slice(i + 1), row, source, writer);
    }
  } catch (error) {
    writer.abandon(error);
  }
  writer.end();
  return true;
}

async function finishRow(
  first: Promise<void>,
  items: FetchPlan['items'],
  row: MessageRow,
  source: Parameters<typeof writeItem>[2],
  writer: FetchWriter,
): Promise<boolean> {
  try {
    await first;
    for (const item of items) {
      const waiting = writeItem(item, row, source, writer);
      if (waiting !== undefined) await waiting;
    }
  } catch (error) {
    writer.abandon(error);
  }
  writer.end();
  return true;
}
