import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random, sketch } from '#test/contract/fixtures.ts';
import { FakeClock } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import type { MailboxSnapshot } from './change.ts';
import { newId } from './ids.ts';
import { MemoryStore } from './memory/store.ts';
import type { Mutation } from './mutation.ts';
import type { MailStore } from './store.ts';
import type { Access } from './types.ts';
import { toArray } from './uid-set.ts';
import { BIT, MailboxView, type ViewChange } from './view.ts';
import { ViewCache } from './view-cache.ts';

async function setUp() {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, random });
  const owner = newId('account', random);
  const access: Access = { owner, viewer: owner };
  const inbox = newId('mailbox', random);
  const commit = async (...mutations: Mutation[]) => {
    const answer = await store.commit({ owner, actor: owner, id: newId('commit', random), mutations });
    assert.ok(answer.ok, JSON.stringify(answer));
    return answer;
  };
  await commit({ type: 'create-account', mailboxes: [{ id: inbox, name: 'INBOX' }] });
  const add = (...flags: string[]): Mutation => ({
    type: 'add-message',
    mailbox: inbox,
    message: sketch().message,
    flags,
  });
  return { clock, store, access, inbox, commit, add };
}

/** Reads as the store does, but each only after `gate` lets it go. */
function slowed(store: MailStore, gate: () => Promise<void>): Pick<MailStore, 'snapshot' | 'delta' | 'watch'> {
  return {
    snapshot: async (...args) => {
      const read = await store.snapshot(...args);
      await gate();
      return read;
    },
    delta: async (...args) => {
      const read = await store.delta(...args);
      await gate();
      return read;
    },
    watch: (...args) => store.watch(...args),
  };
}

function assertSame(view: MailboxView, snapshot: MailboxSnapshot): void {
  assert.deepEqual([...view.uids()], [...snapshot.uids]);
  for (let i = 0; i < view.length; i++) {
    assert.deepEqual(view.flagsAt(i), snapshot.flagSets[snapshot.flags[i]!]);
    assert.equal(view.modseqAt(i), snapshot.modseqs[i]);
    assert.equal(view.indexOf(view.uidAt(i)), i);
  }
  assert.equal(view.uidNext, snapshot.uidNext);
  assert.equal(view.highestModseq, snapshot.highestModseq);
}

test('a view that follows deltas equals a fresh snapshot, and its changes say what happened', async () => {
  const flag = fc.constantFrom('\\Seen', '\\Deleted', '\\Flagged', 'Later');
  const range = fc
    .tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 6 }))
    .map(([a, n]) => [a, a + n] as const);
  const step = fc.oneof(
    fc.record({ what: fc.constant('add' as const), n: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ what: fc.constant('flag' as const), range, flag, on: fc.boolean() }),
    fc.record({ what: fc.constant('expunge' as const), range }),
    fc.record({ what: fc.constant('apply' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { store, access, inbox, commit, add } = await setUp();
      const view = new MailboxView(await store.snapshot(access, inbox));
      const shown = new Set<number>();
      const apply = async () => {
        const change = view.apply(await store.delta(access, inbox, view.modseq));
        for (const uid of toArray(change.vanished)) assert.ok(shown.delete(uid));
        for (const uid of toArray(change.flagged)) assert.ok(shown.has(uid));
        for (const uid of toArray(change.added)) shown.add(uid);
      };
      for (const one of steps) {
        if (one.what === 'apply') await apply();
        else if (one.what === 'add') await commit(...Array.from({ length: one.n }, () => add()));
        else if (one.what === 'expunge') {
          await commit({ type: 'expunge', mailbox: inbox, uids: [one.range], onlyDeleted: false });
        } else {
          const change = one.on ? 'add' : 'remove';
          await commit({ type: 'set-flags', mailbox: inbox, uids: [one.range], change, flags: [one.flag] });
        }
      }
      await apply();
      assertSame(view, await store.snapshot(access, inbox));
      assert.deepEqual(
        [...shown].sort((a, b) => a - b),
        [...view.uids()],
      );
    }),
    { numRuns: 60 },
  );
});

test('system flags are bits, and an older delta changes nothing', async () => {
  const { store, access, inbox, commit, add } = await setUp();
  const view = new MailboxView(await store.snapshot(access, inbox));
  const older = await store.delta(access, inbox, view.modseq);
  await commit(add('\\seen', '\\Draft'), add('later'), add('\\Deleted'));
  view.apply(await store.delta(access, inbox, view.modseq));
  assert.deepEqual(
    [0, 1, 2].map((i) => view.bitsAt(i)),
    [BIT.seen | BIT.draft, 0, BIT.deleted],
  );
  assert.equal(view.count(BIT.seen), 1);
  assert.equal(view.count(BIT.seen, true), 2);
  assert.deepEqual(view.apply(older).added, []);
  assert.equal(view.length, 3);
});

test('sessions share a view; each hears of every change once and in order', async () => {
  const { clock, store, access, inbox, commit, add } = await setUp();
  const cache = new ViewCache({ store, clock, log: silentLog });
  const [one, two] = await Promise.all([cache.open(access, inbox), cache.open(access, inbox)]);
  assert.equal(one.view, two.view);
  const heard: ViewChange[][] = [[], []];
  one.listen((change) => heard[0]!.push(change));
  two.listen((change) => heard[1]!.push(change));
  const { modseq } = await commit(add());
  await one.refresh(modseq);
  await commit({ type: 'expunge', mailbox: inbox, onlyDeleted: false });
  await two.refresh();
  assert.deepEqual(heard[0], heard[1]);
  assert.deepEqual(
    heard[0]!.map((change) => [toArray(change.added), toArray(change.vanished)]),
    [
      [[1], []],
      [[], [1]],
    ],
  );
  one.close();
  await commit(add());
  await two.refresh();
  assert.equal(heard[0]!.length, 2);
  assert.equal(heard[1]!.length, 3);
  await cache.close();
});

test('a notice alone brings news, and the account’s listeners hear its kind', async () => {
  const { clock, store, access, inbox, commit, add } = await setUp();
  const cache = new ViewCache({ store, clock, log: silentLog });
  const opened = await cache.open(access, inbox);
  const added = new Promise<ViewChange>((resolve) => opened.listen(resolve));
  const named = new Promise<readonly string[]>((resolve) => {
    cache.watchAccount(access.owner, (news) => news.types?.includes('mailbox') && resolve(news.types));
  });
  await commit(add());
  assert.deepEqual(toArray((await added).added), [1]);
  await commit({ type: 'create-mailbox', id: newId('mailbox', random), name: 'Work' });
  assert.ok((await named).includes('mailbox'));
  await cache.close();
});

test('what is committed while a view loads or asks is not missed', async () => {
  const { clock, store, access, inbox, commit, add } = await setUp();
  let gate = Promise.withResolvers<void>();
  const cache = new ViewCache({ store: slowed(store, () => gate.promise), clock, log: silentLog });
  const opening = cache.open(access, inbox);
  await commit(add());
  gate.resolve();
  const opened = await opening;
  await opened.refresh(2);
  assert.equal(opened.view.length, 1);
  gate = Promise.withResolvers();
  const all = new Promise<void>((resolve) => {
    opened.listen(() => opened.view.length === 3 && resolve());
  });
  await commit(add());
  await new Promise((resolve) => setImmediate(resolve));
  await commit(add());
  gate.resolve();
  await all;
  await cache.close();
});

test('a mailbox that goes is told once, and can not be opened again', async () => {
  const { clock, store, access, commit } = await setUp();
  const id = newId('mailbox', random);
  await commit({ type: 'create-mailbox', id, name: 'Gone' });
  const cache = new ViewCache({ store, clock, log: silentLog });
  const opened = await cache.open(access, id);
  const changes: ViewChange[] = [];
  opened.listen((change) => changes.push(change));
  await commit({ type: 'delete-mailbox', mailbox: id });
  await opened.refresh();
  await opened.refresh();
  assert.deepEqual(
    changes.map((change) => change.removed),
    [true],
  );
  opened.close();
  await assert.rejects(cache.open(access, id), { failure: 'no-such-mailbox' });
  await cache.close();
});

test('an account that goes takes its views with it', async () => {
  const { clock, store, access, inbox, commit } = await setUp();
  const cache = new ViewCache({ store, clock, log: silentLog });
  const opened = await cache.open(access, inbox);
  const told = new Promise<ViewChange>((resolve) => opened.listen(resolve));
  await commit({ type: 'delete-account' });
  assert.equal((await told).removed, true);
  await cache.close();
});

test('an unused view is kept, and caught up when it is opened again', async () => {
  const { clock, store, access, inbox, commit, add } = await setUp();
  const cache = new ViewCache({ store, clock, log: silentLog, idleViews: 1 });
  const opened = await cache.open(access, inbox);
  const { view } = opened;
  opened.close();
  await commit(add());
  const again = await cache.open(access, inbox);
  assert.equal(again.view, view);
  assert.equal(view.length, 1);
  again.close();
  const other = newId('mailbox', random);
  await commit({ type: 'create-mailbox', id: other, name: 'Other' });
  (await cache.open(access, other)).close();
  assert.notEqual((await cache.open(access, inbox)).view, view, 'the surplus one was let go');
  await cache.close();
});

test('a rename that gives another UIDVALIDITY ends the view, and the next one has it', async () => {
  const { clock, store, access, commit } = await setUp();
  const work = newId('mailbox', random);
  await commit({ type: 'create-mailbox', id: work, name: 'Work' });
  const cache = new ViewCache({ store, clock, log: silentLog });
  const opened = await cache.open(access, work);
  // The name had a greater UIDVALIDITY once.
  const other = newId('mailbox', random);
  await commit({ type: 'create-mailbox', id: other, name: 'Other' }, { type: 'delete-mailbox', mailbox: other });
  await commit({ type: 'rename-mailbox', mailbox: work, name: 'Other', children: false });
  await opened.refresh();
  assert.equal(opened.view.removed, true);
  opened.close();
  const again = await cache.open(access, work);
  assert.ok(again.view.uidValidity > opened.view.uidValidity);
  again.close();
  await cache.close();
});
