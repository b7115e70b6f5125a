/** STORE and UID STORE (RFC 9051 §6.4.6; conditional: RFC 7162 §3.1.3). */
import type { UidSet } from '#store/types.ts';
import { EMPTY, union } from '#store/uid-set.ts';
import { type CommandContext, type Completion, defineCommand, no, ok } from '../command.ts';
import { parseStore, type StoreArguments } from '../grammar/store.ts';
import { commit } from '../mailboxes.ts';
import { enableCondstore, reportKeywords } from '../notify.ts';
import type { NumberRange } from '../numbering.ts';
import { formatFlags } from '../response/flags.ts';
import { formatSet } from '../response/sets.ts';
import type { SelectedMailbox, StateOf } from '../session.ts';
import { FetchWriter } from './fetch/fetch-writer.ts';
import { resolveMessages, uidsOf } from './message-set.ts';
import { FLAGS_A_SLICE, slicesOf } from './slices.ts';

type Arguments = StoreArguments & { readonly uid: boolean };

/** Messages answered between two looks at the client's speed. */
const PACE = 512;

export const store = defineCommand({
  name: 'STORE',
  uid: true,
  allowedIn: ['selected'],
  updates: (args: Arguments) => (args.uid ? 'all' : 'no-expunge'),
  parse: (cursor, { uid }): Arguments => ({ ...parseStore(cursor), uid }),
  run: runStore,
});

async function runStore(args: Arguments, context: CommandContext, state: StateOf<'selected'>): Promise<Completion> {
  const { selected } = state;
  if (selected.readOnly) return no('The mailbox is open for reading only', 'READ-ONLY');
  if (args.unchangedSince !== undefined) enableCondstore(context);
  const ranges = resolveMessages(args.set, args.uid, selected);
  const uids = uidsOf(ranges, selected);
  // What others have changed is told before: afterwards it could not be told from what this command does. Numbers stay as they are.
  await context.report('no-expunge');
  if (uids.length === 0) return ok('STORE completed');
  const result = await change(args, uids, context, state);
  reportKeywords(context, selected);
  // RFC 7162 §3.1.3: with CONDSTORE, .SILENT keeps the flags back but not the new modseqs.
  const condstore = context.session.enabled.has('CONDSTORE');
  if (!args.silent) await answer(ranges, result.modified, selected, new FetchWriter(context.out), condstore);
  else if (condstore) await answerModseqs(result.changed, selected, new FetchWriter(context.out));
  return completion(args, result.modified, selected);
}

interface Changed {
  readonly changed: UidSet;
  readonly modified: UidSet;
}

async function change(
  { change: how, flags, unchangedSince }: Arguments,
  uids: UidSet,
  context: CommandContext,
  state: StateOf<'selected'>,
): Promise<Changed> {
  const { id: mailbox, numbering } = state.selected;
  const condition = unchangedSince !== undefined && { unchangedSince };
  let [changed, modified] = [EMPTY, EMPTY];
  for (const slice of slicesOf(uids, FLAGS_A_SLICE)) {
    const { modseq, results } = await commit(context, state, [
      { type: 'set-flags', mailbox, uids: slice, change: how, flags, ...condition },
    ]);
    const result = results[0];
    if (result?.type !== 'set-flags') throw new Error('the store answered something else than was asked');
    numbering.acknowledge(result.changed, modseq);
    changed = union(changed, result.changed);
    modified = union(modified, result.modified);
  }
  return { changed, modified };
}

/** The new flags of every message asked for, changed or not; those that UNCHANGEDSINCE has kept from it are left out. */
async function answer(
  ranges: readonly NumberRange[],
  modified: UidSet,
  { numbering, view }: SelectedMailbox,
  writer: FetchWriter,
  condstore: boolean,
): Promise<void> {
  const left = new Set(numbering.numbersOf(modified).flatMap(([first, last]) => numbersBetween(first, last)));
  let written = 0;
  for (const [first, last] of ranges) {
    for (let number = first; number <= last; number++) {
      const uid = numbering.uid(number)!;
      const placement = view.placement(uid);
      if (placement === undefined || left.has(number)) continue;
      const modseq = condstore ? ` MODSEQ (${placement.modseq})` : '';
      writer.message(number, `UID ${uid} FLAGS ${formatFlags(placement.flags)}${modseq}`);
      if (++written % PACE === 0) await writer.pace();
    }
  }
  writer.send();
}

async function answerModseqs(
  changed: UidSet,
  { numbering, view }: SelectedMailbox,
  writer: FetchWriter,
): Promise<void> {
  let written = 0;
  for (const [first, last] of numbering.numbersOf(changed)) {
    for (let number = first; number <= last; number++) {
      const uid = numbering.uid(number)!;
      const placement = view.placement(uid);
      if (placement === undefined) continue;
      writer.message(number, `UID ${uid} MODSEQ (${placement.modseq})`);
      if (++written % PACE === 0) await writer.pace();
    }
  }
  writer.send();
}

/** RFC 7162 §3.1.3: MODIFIED names what was not changed, in the numbers that the command used. */
function completion(args: Arguments, modified: UidSet, { numbering }: SelectedMailbox): Completion {
  if (modified.length === 0) return ok('STORE completed');
  const set = args.uid ? modified : numbering.numbersOf(modified);
  return ok('Some of the messages were changed by others', `MODIFIED ${formatSet(set)}`);
}

function numbersBetween(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
