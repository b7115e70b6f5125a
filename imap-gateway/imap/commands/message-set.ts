/** From what a client wrote to the messages that it means, in the session's own numbering (RFC 9051 §2.3.1, §6.4.9). */
import { MailError } from '#mail/failure.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { uidSet } from '#store/uid-set.ts';
import { type SequenceSet, STAR } from '../grammar/sequence-set.ts';
import type { NumberRange } from '../numbering.ts';
import type { SelectedMailbox } from '../session.ts';

/**
 * Ascending ranges of message numbers. UIDs that nobody knows are passed over (§6.4.9); a message number beyond the mailbox is an error of the
 * client (§9 seq-number), `bad-request`.
 */
export function resolveMessages(set: SequenceSet, byUid: boolean, selected: SelectedMailbox): readonly NumberRange[] {
  const { numbering } = selected;
  if (set.kind === 'saved') return numbering.numbersOf(selected.saved);
  if (!byUid) return resolveNumbers(set.ranges, numbering.count);
  const last = numbering.last;
  if (last === undefined) return [];
  return numbering.numbersOf(uidSet(set.ranges.map(([from, to]) => [starIs(from, last), starIs(to, last)])));
}

/** The UIDs of the messages, exactly. */
export function uidsOf(ranges: readonly NumberRange[], selected: SelectedMailbox): UidSet {
  const { numbering } = selected;
  const out: (readonly [Uid, Uid])[] = [];
  for (const [first, last] of ranges) out.push(...numbering.uids(first, last));
  return numbering.known(out);
}

function resolveNumbers(ranges: readonly (readonly [number, number])[], count: number): readonly NumberRange[] {
  const resolved = ranges.map(([from, to]): [number, number] => [starIs(from, count), starIs(to, count)]);
  if (count === 0 || resolved.some(([from, to]) => from > count || to > count)) {
    throw new MailError('bad-request', 'no message has this number');
  }
  return uidSet(resolved);
}

const starIs = (value: number, last: number): number => (value === STAR ? last : value);

export function countMessages(ranges: readonly NumberRange[]): number {
  let n = 0;
  for (const [first, last] of ranges) n += last - first + 1;
  return n;
}
