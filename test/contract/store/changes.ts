import assert from 'node:assert/strict';
import type { ChangeRecord, NoticeBatch } from '#store/change.ts';
import { newId } from '#store/ids.ts';
import { ALL, single } from '#store/uid-set.ts';
import { random } from '../fixtures.ts';
import { flagsOf, type Ground, HOUR, type User, uidsOf } from './kit.ts';

async function since(user: User, modseq: number): Promise<readonly ChangeRecord[]> {
  const changes = await user.store.changes(user.access, modseq, 1000);
  assert.ok(changes.complete);
  return changes.records;
}

const brief = (records: readonly ChangeRecord[]) =>
  records.map(({ type, mailbox, uids, act, name }) =>
    [type, mailbox, uids && uidsOf(uids), act, name].filter((x) => x !== undefined),
  );

const sorted = (group: readonly unknown[]) => group.map((one) => JSON.stringify(one)).sort();

export const changes = {
  'a snapshot is the mailbox at one modseq': async (on: Ground) => {
    const user = await on.user();
    const { modseq } = await user.ok(user.add(), user.add(user.inbox, {}, ['\\Seen']), user.add());
    const snapshot = await on.store.snapshot(user.access, user.inbox);
    const { mailbox, uidNext, uidValidity, highestModseq } = snapshot;
    assert.deepEqual([mailbox, uidNext, highestModseq, snapshot.modseq], [user.inbox, 4, modseq, modseq]);
    assert.equal(uidValidity, (await user.mailbox()).uidValidity);
    assert.deepEqual([...snapshot.uids], [1, 2, 3]);
    assert.deepEqual([...snapshot.modseqs], [modseq, modseq, modseq]);
    assert.deepEqual(flagsOf(snapshot), { 1: '', 2: '\\Seen', 3: '' });
  },

  'a delta says what is new, other and gone since a modseq': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 5);
    const { modseq } = await on.store.snapshot(user.access, user.inbox);
    await user.ok(user.setFlags([[2, 3]], 'add', '\\Seen'));
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: [[3, 4]], onlyDeleted: false });
    const last = await user.ok(user.add());
    await user.ok(user.add(user.work));
    const delta = await on.store.delta(user.access, user.inbox, modseq);
    assert.deepEqual(flagsOf(delta.changed), { 2: '\\Seen', 6: '' });
    assert.deepEqual(uidsOf(delta.vanished), [3, 4]);
    const { complete, removed, highestModseq, uidNext } = delta;
    assert.deepEqual(
      [complete, removed, highestModseq, uidNext, delta.modseq],
      [true, false, last.modseq, 7, last.modseq + 1],
    );
    const nothing = await on.store.delta(user.access, user.inbox, delta.modseq);
    assert.deepEqual([nothing.changed.uids.length, nothing.vanished, nothing.complete], [0, [], true]);
  },

  'a delta from the beginning holds all that is there': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 3);
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: single(2), onlyDeleted: false });
    const delta = await on.store.delta(user.access, user.inbox, 0);
    assert.deepEqual([...delta.changed.uids], [1, 3]);
    assert.deepEqual(uidsOf(delta.vanished), [2]);
  },

  'what came and went in between does not show as there': async (on: Ground) => {
    const user = await on.user();
    const { modseq } = await user.ok(user.add());
    await user.ok(user.add());
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: single(2), onlyDeleted: false });
    const delta = await on.store.delta(user.access, user.inbox, modseq);
    assert.deepEqual([...delta.changed.uids], []);
    assert.ok(uidsOf(delta.vanished).every((uid) => uid === 2));
  },

  'the log names every kind of change': async (on: Ground) => {
    const user = await on.user();
    const start = (await user.ok(user.add(), user.add())).modseq;
    const id = newId('mailbox', random);
    await user.ok(user.setFlags([[1, 2]], 'add', 'x'));
    await user.ok({ type: 'create-mailbox', id, name: 'N' });
    await user.ok({ type: 'move', from: user.inbox, uids: single(1), to: id });
    await user.ok({ type: 'rename-mailbox', mailbox: id, name: 'M', children: true });
    await user.ok({ type: 'subscribe', name: 'M', subscribed: true });
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: false });
    await user.ok({ type: 'delete-mailbox', mailbox: id });
    await user.ok({ type: 'set-quota', bytes: 5_000_000 });
    await user.ok({ type: 'enqueue-outbox', id: 'o', kind: 'k', payload: Buffer.alloc(1) });
    const records = await since(user, start);
    const expected = [
      [['flags', user.inbox, [1, 2]]],
      [['mailbox', id, 'create', 'N']],
      [
        ['expunge', user.inbox, [1]],
        ['message', id, [1]],
      ],
      [['mailbox', id, 'change', 'M']],
      [['subscription', 'M']],
      [['expunge', user.inbox, [2]]],
      [
        ['expunge', id, [1]],
        ['mailbox', id, 'remove', 'M'],
      ],
      [['quota']],
      [['outbox']],
    ];
    const byCommit = expected.map((_, i) => brief(records.filter(({ modseq }) => modseq === start + 1 + i)));
    assert.deepEqual(byCommit.map(sorted), expected.map(sorted));
    assert.deepEqual(
      records.map(({ modseq }) => modseq),
      records.map(({ modseq }) => modseq).sort((a, b) => a - b),
    );
  },

  'records of messages that came or went name their ids': async (on: Ground) => {
    const user = await on.user();
    const { modseq } = await on.store.accountState(user.access);
    const given = [user.add(), user.add()];
    await user.ok(...given);
    await user.ok({ type: 'copy', from: user.inbox, uids: ALL, to: user.inbox });
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: false });
    const ids = given.map(({ message }) => message.id).sort();
    for (const at of [1, 2, 3]) {
      const records = (await since(user, modseq)).filter((record) => record.modseq === modseq + at);
      assert.deepEqual([...new Set(records.flatMap(({ messages }) => messages ?? []))].sort(), ids);
    }
  },

  'a commit that changes nothing leaves no record': async (on: Ground) => {
    const user = await on.user();
    const { modseq } = await user.ok(user.add());
    await user.ok(user.setFlags(ALL, 'remove', '\\Seen'), { type: 'expunge', mailbox: user.inbox, onlyDeleted: true });
    assert.deepEqual(await since(user, modseq), []);
  },

  'changes come in portions that never part a commit': async (on: Ground) => {
    const user = await on.user();
    const start = (await on.store.accountState(user.access)).modseq;
    for (let i = 0; i < 5; i++) await user.ok(user.add(), user.add(user.work));
    const whole = await since(user, start);
    const read: ChangeRecord[] = [];
    let at = start;
    for (let turns = 0; turns < 20; turns++) {
      const portion = await on.store.changes(user.access, at, 3);
      assert.ok(portion.complete && portion.modseq >= at);
      if (portion.records.length === 0) break;
      read.push(...portion.records);
      at = portion.modseq;
    }
    assert.deepEqual(read, whole);
    assert.equal(at, start + 5);
  },

  'log and tombstones are bounded by time, and say so': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 4);
    const old = (await user.ok(user.add(user.work))).modseq;
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: single(2), onlyDeleted: false });
    on.clock.move(20 * HOUR);
    const recent = (await user.ok(user.setFlags(single(1), 'add', 'x'))).modseq;
    await on.harness.collect();
    assert.deepEqual(await on.store.changes(user.access, old, 100), { complete: false, modseq: recent });
    const changes = await on.store.changes(user.access, recent - 1, 100);
    assert.ok(changes.complete && changes.records.length === 1);
    const delta = await on.store.delta(user.access, user.inbox, old);
    assert.equal(delta.complete, false);
    assert.deepEqual(uidsOf(delta.vanished), [2]);
    assert.deepEqual([...delta.changed.uids], [1]);
    assert.equal((await on.store.delta(user.access, user.inbox, recent - 1)).complete, true);
  },

  'a watcher begins with a batch at once, and then hears of every commit': async (on: Ground) => {
    const user = await on.user();
    await watching(on, undefined, async (next) => {
      const first = await next();
      assert.equal(first.rescan, false);
      const { modseq } = await user.ok(user.add(), { type: 'subscribe', name: 'Work', subscribed: true });
      const notice = await found(next, user);
      assert.equal(notice.modseq, modseq);
      assert.deepEqual(notice.types.toSorted(), ['message', 'subscription']);
    });
  },

  'a watcher that names its cursor has missed nothing': async (on: Ground) => {
    const [user, other] = [await on.user(), await on.user()];
    let cursor = '';
    await watching(on, undefined, async (next) => {
      cursor = (await next()).cursor;
    });
    await user.ok(user.add());
    await other.ok(other.add());
    await watching(on, cursor, async (next) => {
      const missing = new Set([user.owner, other.owner]);
      while (missing.size > 0) {
        const batch = await next();
        assert.equal(batch.rescan, false);
        for (const { account } of batch.notices) missing.delete(account);
      }
    });
  },

  'a cursor that means nothing is answered with rescan': async (on: Ground) => {
    const user = await on.user();
    await watching(on, 'not-a-cursor', async (next) => {
      assert.equal((await next()).rescan, true);
      await user.ok(user.add());
      assert.equal((await found(next, user)).account, user.owner);
    });
  },

  'deleting an account is noticed': async (on: Ground) => {
    const user = await on.user();
    await watching(on, undefined, async (next) => {
      await next();
      await user.ok({ type: 'delete-account' });
      assert.ok((await found(next, user)).types.includes('account'));
    });
  },
};

/** Watches until `run` is done; the watch must end with its signal. */
async function watching(
  on: Ground,
  cursor: string | undefined,
  run: (next: () => Promise<NoticeBatch>) => Promise<void>,
) {
  const stop = new AbortController();
  const batches = on.store.watch(cursor, stop.signal)[Symbol.asyncIterator]();
  await run(async () => {
    const { value, done } = await batches.next();
    assert.ok(!done);
    return value;
  });
  stop.abort();
  assert.equal((await batches.next()).done, true);
}

async function found(next: () => Promise<NoticeBatch>, user: User) {
  for (;;) {
    const notice = (await next()).notices.find(({ account }) => account === user.owner);
    if (notice !== undefined) return notice;
  }
}
