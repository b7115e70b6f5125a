/** What was expunged and is still retained: it is listed, and brought back. */
import assert from 'node:assert/strict';
import { newId } from '#store/ids.ts';
import { type Mutation, RESTORE_LIMIT } from '#store/mutation.ts';
import type { ExpungedMessage } from '#store/store.ts';
import type { MailboxId, MessageId, Uid } from '#store/types.ts';
import { single } from '#store/uid-set.ts';
import { random, utc } from '../fixtures.ts';
import { chunked, type Ground, HOUR, resultOf, type User } from './kit.ts';

/** Every page, in pages of so many. */
async function listed(user: User, limit = 100, since?: number): Promise<ExpungedMessage[]> {
  const out: ExpungedMessage[] = [];
  for (let before: string | undefined; ; ) {
    const query = { limit, ...(since !== undefined && { since }), ...(before !== undefined && { before }) };
    const page = await user.store.expunged(user.access, query);
    assert.ok(page.messages.length <= limit);
    out.push(...page.messages);
    if (page.next === undefined) return out;
    before = page.next;
  }
}

const subjects = (all: readonly ExpungedMessage[]): string[] => all.map(({ row }) => row.headers!.subject);
const idsOf = (all: readonly ExpungedMessage[]): MessageId[] => all.map(({ row }) => row.message);

const expunge = (mailbox: MailboxId, ...uids: Uid[]): Mutation => ({
  type: 'expunge',
  mailbox,
  uids: uids.map((uid) => [uid, uid] as const),
  onlyDeleted: false,
});

async function restore(user: User, messages: readonly MessageId[], to?: MailboxId) {
  const answer = await user.ok({ type: 'restore', messages, ...(to !== undefined && { to }) });
  return { ...resultOf(answer, 'restore'), modseq: answer.modseq };
}

export const expunged = {
  'what went last comes first, page by page, with what a list shows of it': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 7);
    await user.ok(user.setFlags(single(3), 'add', '\\Flagged', 'later', '\\Deleted'));
    const before = on.clock.now();
    await user.ok(expunge(user.inbox, 2, 5, 6));
    on.clock.move(1_000);
    await user.ok(expunge(user.inbox, 3));
    for (const limit of [1, 2, 3, 4, 100]) {
      assert.deepEqual(subjects(await listed(user, limit)), ['Number 3', 'Number 6', 'Number 5', 'Number 2']);
    }
    assert.deepEqual(subjects(await listed(user, 100, before + 1)), ['Number 3']);
    const [first] = await listed(user);
    assert.equal(first!.expungedAt, before + 1_000);
    assert.deepEqual(first!.mailbox, { id: user.inbox, name: 'INBOX', removed: false });
    assert.deepEqual(first!.flags.toSorted(), ['\\Deleted', '\\Flagged', 'later']);
    assert.equal(first!.row.uid, 3);
    assert.deepEqual([typeof first!.row.preview, typeof first!.row.parts], ['string', 'object']);
  },

  'what was moved or has a copy is not gone; what went from there is, once': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 4);
    await user.ok({ type: 'move', from: user.inbox, uids: [[1, 2]], to: user.work });
    on.clock.move(1);
    await user.ok({ type: 'copy', from: user.inbox, uids: single(3), to: user.work });
    await user.ok(expunge(user.inbox, 3));
    assert.deepEqual(await listed(user), []);
    on.clock.move(1);
    await user.ok(expunge(user.work, 2, 3));
    for (const limit of [1, 100]) {
      const all = await listed(user, limit);
      assert.deepEqual(
        all.map(({ row, mailbox }) => [row.headers!.subject, mailbox?.name, row.uid]),
        [
          ['Number 3', 'Work', 3],
          ['Number 2', 'Work', 2],
        ],
      );
    }
  },

  'a message comes back as it was, under a new UID, and with the same id and thread': async (on: Ground) => {
    const user = await on.user();
    const internalDate = utc('2024-02-03T04:05:06Z');
    await user.ok(user.add(user.inbox, { subject: 'Dear', internalDate, messageId: 'dear@a.test' }, ['later']));
    await user.ok(user.setFlags(single(1), 'add', '\\Seen', '\\Deleted'));
    const [was] = await user.rows();
    const content = await user.content(user.inbox, 1);
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: true });
    on.clock.move(1_000);
    const { modseq: since } = await on.store.accountState(user.access);
    const back = await restore(user, [was!.message]);
    const { uidValidity } = await user.mailbox();
    assert.deepEqual(back.restored, [{ message: was!.message, mailbox: user.inbox, uidValidity, uid: 2 }]);
    assert.deepEqual([back.present, back.missing], [[], []]);
    assert.deepEqual(await user.flags(), { 2: '\\Seen later' });
    const [row] = await user.rows();
    assert.deepEqual({ ...row, uid: 1, savedAt: was!.savedAt }, was);
    assert.equal(row!.savedAt, on.clock.now());
    assert.deepEqual(await user.content(user.inbox, 2), content);
    const { messages, unseen, deleted, size, highestModseq } = await user.mailbox();
    assert.deepEqual([messages, unseen, deleted, size, highestModseq], [1, 0, 0, content.length, back.modseq]);
    assert.equal((await on.store.accountState(user.access)).usedBytes, content.length);
    const changes = await on.store.changes(user.access, since, 10);
    assert.ok(changes.complete);
    assert.deepEqual(changes.records, [
      { modseq: back.modseq, type: 'message', mailbox: user.inbox, uids: [[2, 2]], messages: [was!.message] },
    ]);
    assert.deepEqual(await on.store.placements(user.access, [was!.message]), [
      { message: was!.message, thread: was!.thread, mailbox: user.inbox, uid: 2 },
    ]);
    assert.deepEqual([...(await on.store.delta(user.access, user.inbox, since)).changed.uids], [2]);
    assert.deepEqual(await on.store.search(user.access, user.inbox, { key: 'all' }), [[2, 2]]);
    assert.deepEqual(await listed(user), []);
    // What a session had shown before is there still, and goes as it would have.
    assert.deepEqual(await user.content(user.inbox, 1), content);
  },

  'each id is answered: brought back, there, or gone for good; a repeat answers as before': async (on: Ground) => {
    const user = await on.user();
    const other = await on.user();
    await user.fill(user.inbox, 3);
    await other.fill(other.inbox, 1);
    const [one, two, three] = (await user.rows()).map(({ message }) => message);
    const foreign = (await other.rows())[0]!.message;
    await other.ok(expunge(other.inbox, 1));
    await user.ok(expunge(user.inbox, 1));
    on.clock.move(2 * HOUR);
    await on.harness.collect();
    await user.ok(expunge(user.inbox, 2));
    const id = newId('commit', random);
    const unknown = newId('message', random);
    const asked = [two!, one!, three!, foreign, unknown, two!];
    const first = await user.commit(id, { type: 'restore', messages: asked });
    const result = resultOf(first, 'restore');
    assert.deepEqual(
      result.restored.map(({ message, uid }) => [message, uid]),
      [[two, 4]],
    );
    assert.deepEqual(result.present, [three]);
    assert.deepEqual(result.missing, [one, foreign, unknown]);
    assert.deepEqual(await user.commit(id, { type: 'restore', messages: asked }), { ...first, repeated: true });
    assert.deepEqual(await user.uids(), [3, 4]);
  },

  'into another mailbox, in the order given, and more than once in a life': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 3);
    const ids = (await user.rows()).map(({ message }) => message);
    await user.ok(expunge(user.inbox, 1, 2, 3));
    await restore(user, [ids[2]!, ids[0]!], user.work);
    assert.deepEqual(
      (await user.rows(user.work)).map(({ message }) => message),
      [ids[2], ids[0]],
    );
    on.clock.move(1);
    await user.ok(expunge(user.work, 1, 2));
    assert.deepEqual(idsOf(await listed(user)), [ids[0], ids[2], ids[1]]);
    await restore(user, ids);
    assert.deepEqual(await user.uids(user.work), [3, 4], 'where they went from last');
    assert.deepEqual(await user.uids(), [4]);
    await user.refused('no-such-mailbox', [{ type: 'restore', messages: ids, to: newId('mailbox', random) }]);
    const many = Array.from({ length: RESTORE_LIMIT + 1 }, () => newId('message', random));
    await user.refused('limit-exceeded', [{ type: 'restore', messages: many }]);
  },

  'what went with its mailbox comes back into one of that name': async (on: Ground) => {
    const user = await on.user();
    const [gone, again] = [newId('mailbox', random), newId('mailbox', random)];
    await user.ok({ type: 'create-mailbox', id: gone, name: 'Projects/Old' });
    await user.fill(gone, 2);
    const ids = (await user.rows(gone)).map(({ message }) => message);
    await user.ok({ type: 'delete-mailbox', mailbox: gone });
    const mailbox = { id: gone, name: 'Projects/Old', removed: true };
    assert.deepEqual(
      (await listed(user)).map((one) => one.mailbox),
      [mailbox, mailbox],
    );
    const { restored } = await restore(user, [ids[0]!]);
    assert.deepEqual(await user.names(), ['INBOX', 'Projects/Old', 'Work']);
    const made = restored[0]!.mailbox;
    assert.notEqual(made, gone, 'an id is never used again');
    assert.equal((await user.mailbox(made)).uidValidity, restored[0]!.uidValidity);
    await user.ok({ type: 'rename-mailbox', mailbox: made, name: 'Elsewhere', children: false });
    await user.ok({ type: 'create-mailbox', id: again, name: 'Projects/Old' });
    assert.equal((await restore(user, [ids[1]!])).restored[0]!.mailbox, again);
    on.clock.move(2 * HOUR);
    await on.harness.collect();
    assert.deepEqual((await user.content(made, 1)).length > 0, true);
    assert.deepEqual((await user.content(again, 1)).length > 0, true);
  },

  'nothing comes back over the quota, and then nothing of the commit': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 2);
    const rows = await user.rows();
    await user.ok(expunge(user.inbox, 1, 2), { type: 'set-quota', bytes: rows[0]!.size });
    const messages = rows.map(({ message }) => message);
    await user.refused('over-quota', [{ type: 'restore', messages }]);
    assert.deepEqual(await user.uids(), []);
    await restore(user, [messages[0]!]);
    assert.deepEqual(await user.uids(), [3]);
    assert.equal((await on.store.accountState(user.access)).usedBytes, rows[0]!.size);
  },

  'while its retention ends, a message comes back with its body or not at all': async (on: Ground) => {
    const user = await on.user();
    const large = Buffer.alloc(70_000, 'large ');
    for (let i = 0; i < 12; i++) {
      const adds = Array.from({ length: 100 }, (_, n) => user.add(user.inbox, { subject: `Number ${i * 100 + n}` }));
      const body = await on.store.stage(user.owner, chunked(large, 30_000));
      adds[0] = { ...adds[0]!, message: { ...adds[0]!.message, body } };
      await user.ok(...adds);
    }
    const ids = (await user.rows()).map(({ message }) => message);
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: false });
    on.clock.move(2 * HOUR);
    const collected = on.harness.collect();
    const results = [];
    // From both ends, some at a time, while the collector takes its slices.
    for (let at = 0; at < 600; at += 50) {
      results.push(restore(user, ids.slice(1_150 - at, 1_200 - at)), restore(user, ids.slice(at, at + 50)));
      await results.at(-1);
    }
    const answers = await Promise.all(results);
    await collected;
    await on.harness.collect();
    const restored = answers.flatMap((one) => one.restored);
    assert.equal(restored.length + answers.flatMap((one) => one.missing).length, ids.length);
    assert.deepEqual(
      await user.uids(),
      restored.map(({ uid }) => uid).sort((a, b) => a - b),
    );
    for (const { uid, message } of restored) {
      const [row] = await user.rows(user.inbox, {}, { uids: single(uid) });
      assert.equal(row!.message, message);
      assert.equal((await user.content(user.inbox, uid)).length, row!.size);
    }
    assert.deepEqual(await listed(user), []);
  },
};
