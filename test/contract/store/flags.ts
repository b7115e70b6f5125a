import assert from 'node:assert/strict';
import type { UidSet } from '#store/types.ts';
import { ALL, single } from '#store/uid-set.ts';
import { flagsOf, type Ground, resultOf, uidsOf } from './kit.ts';

export const flags = {
  'add, remove and replace': async (on: Ground) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['\\Seen']), user.add(user.inbox, {}, ['later']), user.add());
    await user.ok(user.setFlags([[1, 2]], 'add', '\\Flagged'));
    assert.deepEqual(await user.flags(), { 1: '\\Flagged \\Seen', 2: '\\Flagged later', 3: '' });
    await user.ok(user.setFlags(ALL, 'remove', '\\Flagged', '\\Seen'));
    assert.deepEqual(await user.flags(), { 1: '', 2: 'later', 3: '' });
    await user.ok(user.setFlags([[2, 3]], 'replace', '\\Draft', 'now'));
    assert.deepEqual(await user.flags(), { 1: '', 2: '\\Draft now', 3: '\\Draft now' });
    await user.ok(user.setFlags(ALL, 'replace'));
    assert.deepEqual(await user.flags(), { 1: '', 2: '', 3: '' });
  },

  'flags are compared without case; system flags have one spelling, keywords the first': async (on: Ground) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['\\sEEN', 'Important', 'IMPORTANT']));
    assert.deepEqual(await user.flags(), { 1: '\\Seen Important' });
    await user.ok(user.add(user.inbox, {}, ['important']), user.setFlags(single(1), 'remove', '\\seen', 'imPORTant'));
    assert.deepEqual(await user.flags(), { 1: '', 2: 'Important' });
  },

  '\\Recent is not kept': async (on: Ground) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['\\Recent', '\\Seen']));
    const answer = await user.ok(user.setFlags(single(1), 'add', '\\recent'));
    assert.deepEqual(await user.flags(), { 1: '\\Seen' });
    assert.deepEqual(resultOf(answer, 'set-flags').changed, []);
  },

  'what changes gets the commit’s modseq; equal flags are no change; absent UIDs are passed over': async (
    on: Ground,
  ) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['\\Seen']), user.add(), user.add());
    const before = await on.store.snapshot(user.access, user.inbox);
    const answer = await user.ok(
      user.setFlags(
        [
          [1, 2],
          [9, 20],
        ],
        'add',
        '\\Seen',
      ),
    );
    assert.deepEqual(resultOf(answer, 'set-flags'), {
      type: 'set-flags',
      changed: [[2, 2]],
      modified: [],
      flags: ['\\Seen'],
    });
    const after = await on.store.snapshot(user.access, user.inbox);
    assert.deepEqual([...after.modseqs], [before.modseqs[0], answer.modseq, before.modseqs[2]]);
    assert.equal(after.highestModseq, answer.modseq);
    const idle = await user.ok(user.setFlags(ALL, 'add', '\\Seen'), user.setFlags(single(3), 'remove', '\\Draft'));
    assert.deepEqual(uidsOf(resultOf(idle, 'set-flags').changed), [3]);
    const still = await user.ok(user.setFlags(ALL, 'add', '\\Seen'));
    assert.ok(still.modseq > idle.modseq, 'a commit that changes nothing takes a modseq too');
    assert.equal((await user.mailbox()).highestModseq, idle.modseq, 'but leaves the mailbox as it was');
  },

  'unchangedSince leaves newer ones alone and reports them': async (on: Ground) => {
    const user = await on.user();
    const first = await user.ok(user.add(), user.add(), user.add());
    await user.ok(user.setFlags(single(2), 'add', '\\Flagged'));
    const answer = await user.ok({ ...user.setFlags(ALL, 'add', '\\Deleted'), unchangedSince: first.modseq });
    assert.deepEqual(resultOf(answer, 'set-flags'), {
      type: 'set-flags',
      changed: [
        [1, 1],
        [3, 3],
      ],
      modified: [[2, 2]],
      flags: ['\\Deleted'],
    });
    assert.deepEqual(await user.flags(), { 1: '\\Deleted', 2: '\\Flagged', 3: '\\Deleted' });
    const none = await user.ok({ ...user.setFlags(ALL, 'add', 'x'), unchangedSince: 0 });
    assert.deepEqual(uidsOf(resultOf(none, 'set-flags').modified), [1, 2, 3]);
  },

  'a commit can demand that messages are as they were': async (on: Ground) => {
    const user = await on.user();
    const first = await user.ok(user.add(), user.add(), user.add());
    const demand = (uids: UidSet, since: number) =>
      ({ type: 'require-unchanged', mailbox: user.inbox, uids, since }) as const;
    const expunge = { type: 'expunge', mailbox: user.inbox, uids: single(2), onlyDeleted: false } as const;
    const second = await user.ok(user.setFlags(single(2), 'add', '\\Flagged'));
    await user.refused('conflict', [user.setFlags(ALL, 'add', 'x'), demand(single(2), first.modseq), expunge], 1);
    await user.refused('conflict', [demand([[3, 4]], second.modseq)], 0);
    assert.deepEqual(await user.flags(), { 1: '', 2: '\\Flagged', 3: '' });
    const same = user.setFlags(single(2), 'remove', '\\Flagged');
    await user.refused('conflict', [same, demand(single(2), second.modseq)], 1);
    const answer = await user.ok(demand([[1, 3]], second.modseq), expunge);
    assert.equal(answer.results[0]!.type, 'require-unchanged');
    assert.deepEqual(await user.flags(), { 1: '', 3: '' });
    await user.refused('conflict', [demand(single(2), answer.modseq)], 0);
    await user.refused('no-such-mailbox', [{ ...demand(single(1), 9), mailbox: 'nowhere0nowhere0' }], 0);
  },

  'a commit can demand that the whole account is as it was': async (on: Ground) => {
    const user = await on.user();
    const { modseq: since } = await user.ok(user.add());
    const change = user.setFlags(ALL, 'add', '\\Seen');
    const { modseq } = await user.ok({ type: 'require-account', since }, change);
    assert.equal(modseq, since + 1);
    await user.refused('conflict', [{ type: 'require-account', since }, user.setFlags(ALL, 'add', 'x')], 0);
    await user.refused('conflict', [{ type: 'require-account', since: modseq + 1 }], 0);
    assert.deepEqual(await user.flags(), { 1: '\\Seen' });
    const answer = await user.ok({ type: 'require-account', since: modseq });
    assert.equal(answer.results[0]!.type, 'require-account');
  },

  'a long range of many kinds changes as each of its messages would': async (on: Ground) => {
    const user = await on.user();
    const kinds = [[], ['\\Seen'], ['\\Seen', 'Work'], ['\\Flagged'], ['\\Deleted']];
    const adds = Array.from({ length: 600 }, (_, i) => user.add(user.inbox, {}, kinds[(i * 7) % kinds.length]));
    await user.ok(...adds);
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: single(300), onlyDeleted: false });
    for (const [change, flag] of [
      ['add', '\\Seen'],
      ['remove', '\\Seen'],
      ['replace', 'WORK'],
      ['add', '\\Deleted'],
    ] as const) {
      const before = await user.flags();
      const answer = await user.ok(user.setFlags([[11, 4_000_000_000]], change, flag));
      const after = await user.flags();
      const changed = Object.keys(after)
        .map(Number)
        .filter((uid) => after[uid] !== before[uid]);
      assert.deepEqual(uidsOf(resultOf(answer, 'set-flags').changed), changed);
      const wanted = Object.entries(before).map(([uid, flags]) => {
        const others = flags.split(' ').filter((one) => one !== '' && one !== flag && change !== 'replace');
        const now =
          change === 'remove'
            ? others
            : [...others, change === 'replace' ? 'Work' : flag].sort((a, b) =>
                a.toLowerCase() < b.toLowerCase() ? -1 : 1,
              );
        return [uid, Number(uid) < 11 ? flags : now.join(' ')];
      });
      assert.deepEqual(after, Object.fromEntries(wanted));
      const { unseen, deleted, messages } = await user.mailbox();
      const having = (one: string) => Object.values(after).filter((flags) => flags.split(' ').includes(one)).length;
      assert.deepEqual([messages - unseen, deleted], [having('\\Seen'), having('\\Deleted')]);
    }
  },

  'counters of the mailbox follow': async (on: Ground) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['\\Seen']), user.add(), user.add(user.inbox, {}, ['\\Deleted']));
    const counters = async () => {
      const { messages, unseen, deleted } = await user.mailbox();
      return [messages, unseen, deleted];
    };
    assert.deepEqual(await counters(), [3, 2, 1]);
    await user.ok(user.setFlags(ALL, 'replace', '\\Seen', '\\Deleted'));
    assert.deepEqual(await counters(), [3, 0, 3]);
    await user.ok(user.setFlags([[1, 2]], 'remove', '\\Deleted'), user.setFlags([[2, 3]], 'remove', '\\Seen'));
    assert.deepEqual(await counters(), [3, 2, 1]);
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: true });
    assert.deepEqual(await counters(), [2, 1, 0]);
  },

  'flags belong to the placement': async (on: Ground) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['mine']), { type: 'copy', from: user.inbox, uids: ALL, to: user.inbox });
    await user.ok(user.setFlags(single(2), 'add', '\\Seen'));
    assert.deepEqual(await user.flags(), { 1: 'mine', 2: '\\Seen mine' });
  },

  'thousands at once': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 2000);
    const answer = await user.ok(user.setFlags([[1, 1999]], 'add', '\\Seen', 'Bulk'));
    assert.deepEqual(resultOf(answer, 'set-flags').changed, [[1, 1999]]);
    const snapshot = await on.store.snapshot(user.access, user.inbox);
    const all = flagsOf(snapshot);
    assert.equal(all[1999], '\\Seen Bulk');
    assert.equal(all[2000], '');
    assert.ok(snapshot.flagSets.length <= 3, 'equal sets of flags are sent once');
    assert.equal((await user.mailbox()).unseen, 1);
  },
};
