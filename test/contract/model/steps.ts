/** What random clients do, independent of the state that they will find: places stand for mailboxes, resolved when it is done. */
import fc from 'fast-check';
import { newId } from '#store/ids.ts';
import type { FlagChange, Mutation } from '#store/mutation.ts';
import type { UidSet } from '#store/types.ts';
import { random, sketch } from '../fixtures.ts';

export type Act =
  | { readonly act: 'add'; readonly place: number; readonly flags: readonly string[] }
  | {
      readonly act: 'flags';
      readonly place: number;
      readonly uids: UidSet;
      readonly change: FlagChange;
      readonly flags: readonly string[];
      readonly back?: number | undefined;
    }
  | { readonly act: 'copy' | 'move'; readonly place: number; readonly uids: UidSet; readonly to: number }
  | {
      readonly act: 'expunge';
      readonly place: number;
      readonly uids?: UidSet | undefined;
      readonly onlyDeleted: boolean;
    }
  | { readonly act: 'create'; readonly name: string }
  | { readonly act: 'delete'; readonly place: number }
  | { readonly act: 'rename'; readonly place: number; readonly name: string };

export type Step =
  /** These commits are sent at once; `twice` sends them twice, with the same commit id and other new ids. */
  | {
      readonly step: 'commits';
      readonly commits: readonly { readonly acts: readonly Act[]; readonly twice: boolean }[];
    }
  /** Some of what went comes back. */
  | { readonly step: 'restore'; readonly first: number; readonly most: number }
  /** A commit of the past once more. */
  | { readonly step: 'repeat'; readonly which: number }
  | { readonly step: 'crash' };

const place = fc.nat(5);
const name = fc.constantFrom('A', 'B', 'C', 'D');
const flags = fc.uniqueArray(fc.constantFrom('\\Seen', '\\Deleted', '\\Flagged', 'later'), { maxLength: 3 });
const range = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 5 }));
const uids: fc.Arbitrary<UidSet> = range.map(([first, more]) => [[first, first + more]]);

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constant('add' as const), place, flags }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('flags' as const),
      place,
      uids,
      change: fc.constantFrom<FlagChange>('add', 'remove', 'replace'),
      flags,
      back: fc.option(fc.nat(6), { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constantFrom('copy' as const, 'move' as const), place, uids, to: place }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('expunge' as const),
      place,
      uids: fc.option(uids, { nil: undefined }),
      onlyDeleted: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('create' as const), name }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('delete' as const), place }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('rename' as const), place, name }) },
);

const commit = fc.record({
  acts: fc.array(act, { minLength: 1, maxLength: 3 }),
  twice: fc.boolean(),
});

export const steps = (crashes: boolean): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          step: fc.constant('commits' as const),
          commits: fc.array(commit, { minLength: 1, maxLength: 4 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ step: fc.constant('restore' as const), first: fc.nat(20), most: fc.nat(4) }),
      },
      { weight: 2, arbitrary: fc.record({ step: fc.constant('repeat' as const), which: fc.nat(50) }) },
      { weight: crashes ? 1 : 0, arbitrary: fc.record({ step: fc.constant('crash' as const) }) },
    ),
    { minLength: 1, maxLength: 15 },
  );

/** @param ids the mailboxes that there are. @param modseq the account's. */
export function mutationOf(one: Act, ids: readonly string[], modseq: number): Mutation {
  const at = (n: number): string => ids[n % ids.length]!;
  switch (one.act) {
    case 'add':
      return { type: 'add-message', mailbox: at(one.place), message: sketch().message, flags: one.flags };
    case 'flags': {
      const base = {
        type: 'set-flags' as const,
        mailbox: at(one.place),
        uids: one.uids,
        change: one.change,
        flags: one.flags,
      };
      return one.back === undefined ? base : { ...base, unchangedSince: Math.max(0, modseq - one.back) };
    }
    case 'copy':
    case 'move':
      return { type: one.act, from: at(one.place), uids: one.uids, to: at(one.to) };
    case 'expunge': {
      const base = { type: 'expunge' as const, mailbox: at(one.place), onlyDeleted: one.onlyDeleted };
      return one.uids === undefined ? base : { ...base, uids: one.uids };
    }
    case 'create':
      return { type: 'create-mailbox', id: newId('mailbox', random), name: one.name };
    case 'delete':
      return { type: 'delete-mailbox', mailbox: at(one.place) };
    case 'rename':
      return { type: 'rename-mailbox', mailbox: at(one.place), name: one.name, children: false };
  }
}
