/** Changes of flags beside the rows (later-flags.ts) against the reference backend: the same commits, the same answers, snapshots, deltas and counts. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { sketch } from '#test/contract/fixtures.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import type { PlacementRows } from '../change.ts';
import { MemoryStore } from '../memory/store.ts';
import type { CommitAnswer, Mutation } from '../mutation.ts';
import type { MailStore } from '../store.ts';
import type { UidSet } from '../types.ts';
import { openDatabase } from './database.ts';
import { shardFile } from './paths.ts';
import { SCHEMA } from './schema.ts';
import { openMailStore } from './store.ts';
import { openShardWriter } from './writer.ts';

const access = { owner: 'alice', viewer: 'alice' };
const FLAGS = ['\\Seen', '\\Deleted', '\\Flagged', '$Junk'];
/** Doubled by COPY until ranges are long enough to be kept beside the rows. */
const FIRST = 45;
const DOUBLINGS = 5;
const COUNT = FIRST * 2 ** DOUBLINGS;

type Op =
  | {
      readonly op: 'store';
      readonly uids: UidSet;
      readonly change: 'add' | 'remove' | 'replace';
      readonly flags: string[];
      readonly old?: number;
    }
  | { readonly op: 'copy' | 'move' | 'expunge'; readonly uids: UidSet }
  | { readonly op: 'add' | 'collect' };

const range = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<UidSet>([[1, COUNT]], [[1, 4_294_967_295]], [[1, 1_200]], [[100, COUNT]]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: COUNT }), fc.integer({ min: 0, max: 600 }))
      .map(([a, n]): UidSet => [[a, a + n]]),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: COUNT }).map(
      (a): UidSet => [
        [a, a],
        [a + 5, a + 5],
      ],
    ),
  },
);
const storing = fc.record({
  op: fc.constant('store' as const),
  uids: range,
  change: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
  flags: fc.subarray(FLAGS),
});
const short = fc.integer({ min: 1, max: COUNT }).map((a): UidSet => [[a, a + 3]]);
const operation: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: storing },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('store' as const),
      uids: range,
      change: fc.constant('add' as const),
      flags: fc.subarray(FLAGS),
      old: fc.integer({ min: 5, max: 30 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom('copy' as const, 'move' as const, 'expunge' as const), uids: short }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('add' as const, 'collect' as const) }) },
);

test('flags beside the rows read as flags in the rows', async (t) => {
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (ops) => {
      kept += await sameInBoth(t, ops);
    }),
    { numRuns: 6 },
  );
  assert.ok(kept > 0, 'some change was kept beside its rows');
});

/** Answers how often a change was found beside the rows. */
async function sameInBoth(t: TestContext, ops: readonly Op[]): Promise<number> {
  const data = temporaryFolder(t);
  const clock = new FakeClock();
  const writer = await openShardWriter({ data, shard: 0, log: silentLog, clock, collectEvery: 0 });
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log: silentLog, clock, writers: () => writer });
  const rows = openDatabase(shardFile(data, 0), { migrations: SCHEMA, readOnly: true });
  const reference = new MemoryStore({ clock, random: { bytes: (n) => new Uint8Array(n), fraction: () => 0 } });
  let commits = 0;
  let kept = 0;
  const commit = async (mutation: Mutation): Promise<void> => {
    const request = { owner: 'alice', actor: 'alice', id: `c${++commits}`, mutations: [mutation] };
    const [ours, wanted] = [await store.commit(request), await reference.commit(request)];
    assert.deepEqual(withoutThreads(ours), withoutThreads(wanted));
  };
  try {
    await commit({
      type: 'create-account',
      mailboxes: ['inbox', 'other'].map((id) => ({ id, name: id === 'inbox' ? 'INBOX' : id })),
    });
    for (let i = 0; i < FIRST; i++) await commit(adding(i));
    for (let i = 0; i < DOUBLINGS; i++)
      await commit({ type: 'copy', from: 'inbox', to: 'inbox', uids: [[1, FIRST * 2 ** i]] });
    const before = (await store.accountState(access)).modseq;
    for (const [i, op] of ops.entries()) {
      if (op.op === 'collect') await writer.collect();
      else await commit(mutationOf(op, i));
      kept += Number(rows.statement('SELECT count(*) AS n FROM later_flags').get()!.n);
      await same(store, reference, [before, before + Math.floor(i / 2), before + i]);
    }
  } finally {
    rows.close();
    await store.close();
    await writer.close();
  }
  return kept;
}

/** Both make up a thread's name of their own. */
const withoutThreads = (answer: CommitAnswer) =>
  JSON.stringify(answer, (key: string, value: unknown) => (key === 'thread' ? undefined : value));

const adding = (i: number): Mutation => ({
  type: 'add-message',
  mailbox: 'inbox',
  message: sketch().message,
  flags: FLAGS.filter((_, bit) => ((i >> bit) & 1) === 1),
});

function mutationOf(op: Exclude<Op, { op: 'collect' }>, i: number): Mutation {
  switch (op.op) {
    case 'store': {
      const { uids, change, flags, old } = op;
      return {
        type: 'set-flags',
        mailbox: 'inbox',
        uids,
        change,
        flags,
        ...(old !== undefined && { unchangedSince: old }),
      };
    }
    case 'expunge':
      return { type: 'expunge', mailbox: 'inbox', uids: op.uids, onlyDeleted: true };
    case 'copy':
    case 'move':
      return { type: op.op, from: 'inbox', to: 'other', uids: op.uids };
    default:
      return adding(i);
  }
}

async function same(store: MailStore, reference: MailStore, sinces: readonly number[]): Promise<void> {
  for (const mailbox of ['inbox', 'other']) {
    const read = async (from: MailStore) => {
      const { uids, modseqs, flags, flagSets, ...head } = await from.snapshot(access, mailbox);
      return { ...head, rows: list({ uids, modseqs, flags, flagSets }) };
    };
    assert.deepEqual(await read(store), await read(reference));
    for (const since of sinces) {
      const [ours, wanted] = [await store.delta(access, mailbox, since), await reference.delta(access, mailbox, since)];
      assert.deepEqual(list(ours.changed), list(wanted.changed), `since ${since}`);
    }
  }
  const counts = async (from: MailStore) =>
    (await from.mailboxes(access)).mailboxes.map(
      ({ name, messages, unseen, deleted, size, uidNext, highestModseq }) => {
        return { name, messages, unseen, deleted, size, uidNext, highestModseq };
      },
    );
  assert.deepEqual(await counts(store), await counts(reference));
}

const list = ({ uids, modseqs, flags, flagSets }: PlacementRows) =>
  Array.from(uids, (uid, i) => `${uid} ${modseqs[i]} ${flagSets[flags[i]!]!.toSorted().join(' ')}`);
