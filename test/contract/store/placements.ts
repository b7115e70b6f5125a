import assert from 'node:assert/strict';
import type { MailboxId, Uid } from '#store/types.ts';
import { ALL, single } from '#store/uid-set.ts';
import { collectOf, type Ground, HOUR, resultOf, uidsOf } from './kit.ts';

export const placements = {
  'copy keeps message, flags, thread and internal date, in the order of UIDs': async (on: Ground) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['\\Seen', 'k']), user.add(), user.add(user.inbox, {}, ['\\Deleted']));
    await user.ok(user.add(user.work));
    on.clock.move(5000);
    const answer = await user.ok({
      type: 'copy',
      from: user.inbox,
      uids: [
        [1, 1],
        [3, 99],
      ],
      to: user.work,
    });
    const { uidValidity } = await user.mailbox(user.work);
    assert.deepEqual(resultOf(answer, 'copy'), {
      type: 'copy',
      uidValidity,
      sources: [
        [1, 1],
        [3, 3],
      ],
      targets: [[2, 3]],
    });
    assert.deepEqual(await user.flags(user.work), { 1: '', 2: '\\Seen k', 3: '\\Deleted' });
    const [sources, targets] = [await user.rows(user.inbox), await user.rows(user.work)];
    for (const [i, j] of [
      [0, 1],
      [2, 2],
    ] as const) {
      const { message, thread, internalDate, size } = sources[i]!;
      const target = targets[j]!;
      assert.deepEqual(
        [target.message, target.thread, target.internalDate, target.size],
        [message, thread, internalDate, size],
      );
      assert.equal(target.savedAt, on.clock.now(), 'RFC 8514: the date on which it came into this mailbox');
    }
    assert.deepEqual(await user.content(user.work, 2), await user.content(user.inbox, 1));
    const { messages, unseen, deleted } = await user.mailbox(user.work);
    assert.deepEqual([messages, unseen, deleted], [3, 2, 1]);
    assert.equal((await on.store.accountState(user.access)).usedMessages, 6);
  },

  'sizes are those of the rows, for few and for many messages': async (on: Ground) => {
    const user = await on.user();
    assert.deepEqual(await on.store.sizes(user.access, user.inbox), {
      uids: new Uint32Array(0),
      sizes: new Float64Array(0),
    });
    for (const count of [7, 600]) {
      await user.fill(user.inbox, count);
      await user.ok(user.add(user.inbox, { prefix: 'Return-Path: <a@b.test>\r\n' }));
      await user.ok({ type: 'expunge', mailbox: user.inbox, uids: [[2, 3]], onlyDeleted: false });
      const rows = await user.rows();
      const { uids, sizes } = await on.store.sizes(user.access, user.inbox);
      assert.deepEqual(
        [...uids].map((uid, i) => [uid, sizes[i]]),
        rows.map(({ uid, size }) => [uid, size]),
      );
    }
    await assert.rejects(on.store.sizes(user.access, 'nowhere'), { failure: 'no-such-mailbox' });
  },

  'messages that grow when they are sent as lines are told, wherever they lie': async (on: Ground) => {
    const user = await on.user();
    const grown = async (mailbox: MailboxId): Promise<readonly (readonly [Uid, number])[]> =>
      [...(await on.store.growth(user.access, mailbox))].sort(([a], [b]) => a - b);
    await user.fill(user.inbox, 3);
    assert.deepEqual(await grown(user.inbox), []);
    for (const text of ['a\nb\n', '.\r\n', 'no end', 'an odd end\r']) await user.ok(user.add(user.inbox, { text }));
    const all = [
      [4, 2],
      [6, 2],
      [7, 1],
    ] as const;
    assert.deepEqual(await grown(user.inbox), all);
    assert.deepEqual(await grown(user.work), []);
    await user.ok({ type: 'copy', from: user.inbox, uids: [[3, 4]], to: user.work });
    await user.ok({ type: 'move', from: user.inbox, uids: [[6, 6]], to: user.inbox });
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: [[7, 7]], onlyDeleted: false });
    assert.deepEqual(await grown(user.work), [[2, 2]]);
    assert.deepEqual(await grown(user.inbox), [all[0], [8, 2]]);
    const rows = await user.rows(user.inbox, { content: true });
    for (const { uid, plainLines } of rows) assert.ok(plainLines !== true || uid <= 3, `${uid} is not plain`);
  },

  'copy into the same mailbox': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 2);
    const answer = await user.ok({ type: 'copy', from: user.inbox, uids: ALL, to: user.inbox });
    assert.deepEqual(resultOf(answer, 'copy').targets, [[3, 4]]);
    const rows = await user.rows();
    assert.deepEqual(
      rows.map(({ message }) => message),
      [0, 1, 0, 1].map((i) => rows[i]!.message),
    );
  },

  'nothing to copy or move is no failure': async (on: Ground) => {
    const user = await on.user();
    for (const type of ['copy', 'move'] as const) {
      const answer = await user.ok({ type, from: user.inbox, uids: ALL, to: user.work });
      assert.deepEqual([resultOf(answer, type).sources, resultOf(answer, type).targets], [[], []]);
    }
    assert.equal((await user.mailbox(user.work)).uidNext, 1);
  },

  'copy and move to nowhere, or from there': async (on: Ground) => {
    const user = await on.user();
    for (const type of ['copy', 'move'] as const) {
      await user.refused('no-such-mailbox', [{ type, from: user.inbox, uids: ALL, to: 'nowhere' }]);
      await user.refused('no-such-mailbox', [{ type, from: 'nowhere', uids: ALL, to: user.inbox }]);
    }
  },

  'move takes the originals away in the same commit': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 4);
    const ids = (await user.rows()).map(({ message }) => message);
    const before = await on.store.accountState(user.access);
    const answer = await user.ok({ type: 'move', from: user.inbox, uids: [[2, 3]], to: user.work });
    assert.deepEqual([resultOf(answer, 'move').sources, resultOf(answer, 'move').targets], [[[2, 3]], [[1, 2]]]);
    assert.deepEqual(await user.uids(), [1, 4]);
    assert.deepEqual(
      (await user.rows(user.work)).map(({ message }) => message),
      ids.slice(1, 3),
    );
    const { usedBytes, usedMessages } = await on.store.accountState(user.access);
    assert.deepEqual([usedBytes, usedMessages], [before.usedBytes, before.usedMessages]);
    const delta = await on.store.delta(user.access, user.inbox, answer.modseq - 1);
    assert.deepEqual(uidsOf(delta.vanished), [2, 3]);
  },

  'move within a mailbox gives new UIDs': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 2);
    const answer = await user.ok({ type: 'move', from: user.inbox, uids: single(1), to: user.inbox });
    assert.deepEqual(resultOf(answer, 'move').targets, [[3, 3]]);
    assert.deepEqual(await user.uids(), [2, 3]);
  },

  'expunge: all, some, or only those marked deleted': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 6);
    await user.ok(user.setFlags([[2, 4]], 'add', '\\deleted'));
    const expunge = async (onlyDeleted: boolean, uids?: readonly (readonly [number, number])[]) => {
      const all = { type: 'expunge' as const, mailbox: user.inbox, onlyDeleted };
      return uidsOf(resultOf(await user.ok(uids === undefined ? all : { ...all, uids }), 'expunge').expunged);
    };
    assert.deepEqual(await expunge(true, [[1, 2]]), [2]);
    assert.deepEqual(await expunge(true), [3, 4]);
    assert.deepEqual(await expunge(true), []);
    assert.deepEqual(await expunge(false, [[1, 1]]), [1]);
    assert.deepEqual(await expunge(false, [[1, 2]]), []);
    assert.deepEqual(await user.uids(), [5, 6]);
    assert.deepEqual(await expunge(false), [5, 6]);
    const { messages, unseen, deleted, size, uidNext } = await user.mailbox();
    assert.deepEqual([messages, unseen, deleted, size, uidNext], [0, 0, 0, 0, 7]);
    assert.equal((await on.store.accountState(user.access)).usedBytes, 0);
    await user.ok(user.add());
    assert.deepEqual(await user.uids(), [7], 'a UID is never used again');
  },

  'expunged messages stay readable for a session that has shown them, then go': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 3);
    const content = await user.content(user.inbox, 2);
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: single(2), onlyDeleted: false });
    assert.deepEqual(
      (await user.rows()).map(({ uid }) => uid),
      [1, 3],
    );
    const rows = await user.rows(user.inbox, { headers: true }, { expunged: true });
    assert.deepEqual(
      rows.map(({ uid }) => uid),
      [1, 2, 3],
    );
    assert.equal(rows[1]!.headers!.subject, 'Number 2');
    assert.deepEqual(await user.content(user.inbox, 2), content);
    assert.deepEqual(await on.store.search(user.access, user.inbox, { key: 'all' }), [
      [1, 1],
      [3, 3],
    ]);
    on.clock.move(2 * HOUR);
    await on.harness.collect();
    assert.deepEqual(
      (await user.rows(user.inbox, {}, { expunged: true })).map(({ uid }) => uid),
      [1, 3],
    );
    await assert.rejects(collectOf(on.store.content(user.access, user.inbox, 2, 0, 1)), { failure: 'no-such-message' });
    assert.equal((await user.content(user.inbox, 3)).length > 0, true);
  },
};
