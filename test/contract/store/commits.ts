import assert from 'node:assert/strict';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import { ALL } from '#store/uid-set.ts';
import { inline, random, sketch } from '../fixtures.ts';
import { type Ground, HOUR, resultOf, type User } from './kit.ts';

/** Everything that can be read of an account, to see that nothing changed. */
async function everything(user: User) {
  const { store, access } = user;
  const list = await store.mailboxes(access);
  const contents = [];
  for (const { id } of list.mailboxes) {
    contents.push(await store.snapshot(access, id), await user.rows(id, { headers: true }, { expunged: true }));
  }
  return [
    list,
    contents,
    await store.accountState(access),
    await store.outbox(user.owner),
    await store.changes(access, 0, 1e6),
  ];
}

export const commits = {
  'the same commit again answers the same and changes nothing': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 3);
    const id = newId('mailbox', random);
    const mutations: Mutation[] = [
      user.add(),
      { type: 'create-mailbox', id, name: 'Made' },
      { type: 'move', from: user.inbox, uids: [[1, 2]], to: id },
      user.setFlags([[3, 3]], 'add', 'x'),
      { type: 'expunge', mailbox: user.inbox, uids: [[3, 3]], onlyDeleted: false },
      { type: 'enqueue-outbox', id: 'o1', kind: 'redirect', payload: Buffer.from('p') },
    ];
    const first = await user.commit('once', ...mutations);
    assert.ok(first.ok && !first.repeated);
    const state = await everything(user);
    assert.deepEqual(await user.commit('once', ...mutations), { ...first, repeated: true });
    assert.deepEqual(await everything(user), state);
  },

  'a repeat with other new ids answers with the first ids': async (on: Ground) => {
    const user = await on.user();
    const first = await user.commit('delivery', user.add(user.inbox, { messageId: 'a@b.test' }));
    const second = await user.commit('delivery', user.add(user.inbox, { messageId: 'a@b.test' }));
    assert.ok(first.ok);
    assert.deepEqual(second, { ...first, repeated: true });
    assert.deepEqual(await user.uids(), [1]);
  },

  'a repeat is answered after what it made has gone, too': async (on: Ground) => {
    const user = await on.user();
    const first = await user.commit('delivery', user.add());
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: false });
    on.clock.move(2 * HOUR);
    await on.harness.collect();
    assert.deepEqual(await user.commit('delivery', user.add()), { ...first, repeated: true });
    assert.deepEqual(await user.uids(), []);
  },

  'commit ids are the account’s own, and may hold what addresses hold': async (on: Ground) => {
    const [user, other] = [await on.user(), await on.user()];
    const id = 'd123 <"a b"@xn--gr-vka.test> ü'.repeat(5);
    for (const one of [user, other]) {
      const answer = await one.commit(id, one.add());
      assert.ok(answer.ok && !answer.repeated);
    }
  },

  'concurrent repeats of a commit make one': async (on: Ground) => {
    const user = await on.user();
    const answers = await Promise.all(Array.from({ length: 8 }, () => user.commit('same', user.add())));
    assert.equal(answers.filter((answer) => answer.ok && !answer.repeated).length, 1);
    assert.equal(new Set(answers.map((answer) => resultOf(answer, 'add-message').message)).size, 1);
    assert.deepEqual(await user.uids(), [1]);
  },

  'all or nothing: what stood before a failing mutation is taken back': async (on: Ground) => {
    const user = await on.user();
    await user.ok(user.add(user.inbox, {}, ['\\Deleted']), user.add(user.inbox, {}, ['k']), user.add(user.work));
    const before = await everything(user);
    const id = newId('mailbox', random);
    const some: Mutation[] = [
      user.add(user.inbox, { messageId: 'new@x.test' }, ['NewKeyword']),
      user.setFlags(ALL, 'replace', '\\Seen'),
      { type: 'copy', from: user.inbox, uids: ALL, to: user.work },
      { type: 'expunge', mailbox: user.inbox, onlyDeleted: false },
      { type: 'create-mailbox', id, name: 'X' },
      user.add(id),
      { type: 'move', from: user.work, uids: ALL, to: id },
      { type: 'rename-mailbox', mailbox: user.work, name: 'Moved', children: true },
      { type: 'subscribe', name: 'X', subscribed: true },
      { type: 'set-quota', bytes: 10_000_000 },
      { type: 'enqueue-outbox', id: 'o', kind: 'k', payload: Buffer.alloc(0) },
      { type: 'delete-mailbox', mailbox: user.work },
    ];
    for (let n = 1; n <= some.length; n++) {
      await user.refused('no-such-mailbox', [...some.slice(0, n), user.add('nowhere')]);
      assert.deepEqual(await everything(user), before, `after ${some[n - 1]!.type}`);
    }
    await user.ok(user.add(user.inbox, {}, ['newkeyword']));
    assert.equal((await user.flags())[3], 'newkeyword', 'the spelling of what failed was not remembered');
  },

  'a refused commit may be tried again under its id': async (on: Ground) => {
    const user = await on.user();
    const id = newId('mailbox', random);
    const refused = await user.commit('again', user.add(id));
    assert.ok(!refused.ok && refused.failure === 'no-such-mailbox');
    await user.ok({ type: 'create-mailbox', id, name: 'Late' });
    const answer = await user.commit('again', user.add(id));
    assert.ok(answer.ok && !answer.repeated);
  },

  'a refused body leaves nothing behind': async (on: Ground) => {
    const user = await on.user();
    const { message } = sketch();
    await user.refused('no-such-mailbox', [{ ...user.add(), message }, user.add('nowhere')]);
    const { data: _, ...body } = inline(Buffer.from('x'));
    await user.refused('unavailable', [
      { ...user.add(), message: { ...message, body: { ...body, id: message.body.id } } },
    ]);
  },

  'each commit takes the next modseq; later mutations see earlier ones': async (on: Ground) => {
    const user = await on.user();
    const first = await user.ok(user.add(), user.setFlags(ALL, 'add', '\\Seen'), {
      type: 'copy',
      from: user.inbox,
      uids: ALL,
      to: user.work,
    });
    assert.deepEqual(await user.flags(user.work), { 1: '\\Seen' });
    const second = await user.ok();
    const third = await user.ok(user.add());
    assert.deepEqual([second.modseq, third.modseq], [first.modseq + 1, first.modseq + 2]);
    assert.equal((await on.store.accountState(user.access)).modseq, third.modseq);
  },

  'many clients at once: UIDs and modseqs without gap or double': async (on: Ground) => {
    const user = await on.user();
    const answers = await Promise.all(Array.from({ length: 100 }, () => user.ok(user.add())));
    const uids = answers.map((answer) => resultOf(answer, 'add-message').uid).sort((a, b) => a - b);
    assert.deepEqual(
      uids,
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    assert.equal(new Set(answers.map(({ modseq }) => modseq)).size, 100);
    const bySeq = answers.toSorted((a, b) => a.modseq - b.modseq).map((answer) => resultOf(answer, 'add-message').uid);
    assert.deepEqual(bySeq, uids, 'UIDs ascend in the order of modseqs');
  },

  'a commit is visible when it answers': async (on: Ground) => {
    const user = await on.user();
    for (let n = 1; n <= 20; n++) {
      await user.ok(user.add());
      assert.equal((await user.uids()).length, n);
      assert.equal((await user.mailbox()).messages, n);
    }
  },

  'quota counts placements, and is checked within the commit': async (on: Ground) => {
    const user = await on.user();
    const message = user.add();
    const size = message.message.body.length;
    await user.ok({ type: 'set-quota', bytes: 3 * size });
    assert.equal((await on.store.accountState(user.access)).quotaBytes, 3 * size);
    await user.ok(message, user.add());
    await user.refused('over-quota', [user.add(), user.add()]);
    await user.refused('over-quota', [{ type: 'copy', from: user.inbox, uids: ALL, to: user.work }]);
    await user.ok({ type: 'move', from: user.inbox, uids: ALL, to: user.work });
    await user.ok({ type: 'copy', from: user.work, uids: [[1, 1]], to: user.inbox });
    await user.refused('over-quota', [user.add()]);
    await user.ok({ type: 'expunge', mailbox: user.work, onlyDeleted: false }, user.add());
    await user.ok({ type: 'set-quota', bytes: null }, user.add(), user.add(), user.add());
    assert.ok(!('quotaBytes' in (await on.store.accountState(user.access))));
    await user.ok({ type: 'set-quota', bytes: 1 }, user.setFlags(ALL, 'add', '\\Seen'));
    await user.refused('over-quota', [user.add()]);
  },

  'the outbox keeps rows in order until they are finished': async (on: Ground) => {
    const user = await on.user();
    const row = (id: string, notBefore?: number): Mutation => {
      const base = { type: 'enqueue-outbox' as const, id, kind: 'redirect', payload: Buffer.from(`for ${id}`) };
      return notBefore === undefined ? base : { ...base, notBefore };
    };
    await user.ok(row('z'), row('a', 77));
    on.clock.move(10);
    await user.ok(row('m'));
    const rows = await on.store.outbox(user.owner);
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['z', 'a', 'm'],
    );
    assert.equal(Buffer.from(rows[1]!.payload).toString(), 'for a');
    assert.deepEqual([rows[0]!.notBefore, rows[1]!.notBefore, rows[1]!.kind], [undefined, 77, 'redirect']);
    assert.equal(rows[2]!.createdAt, on.clock.now());
    await user.refused('exists', [row('a')]);
    await user.ok({ type: 'finish-outbox', id: 'a' }, { type: 'finish-outbox', id: 'unknown' });
    assert.deepEqual(
      (await on.store.outbox(user.owner)).map(({ id }) => id),
      ['z', 'm'],
    );
  },
};
