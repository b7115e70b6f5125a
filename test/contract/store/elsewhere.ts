/** What comes from an archive or another peer keeps what clients know it by. */
import assert from 'node:assert/strict';
import { newId } from '#store/ids.ts';
import { MAX_UID } from '#store/uid-set.ts';
import { random } from '../fixtures.ts';
import { type Ground, resultOf, User } from './kit.ts';

const SAVED = Date.UTC(2001, 1, 3, 4, 5, 6);

export const elsewhere = {
  'mailboxes keep the UIDVALIDITY that they had': async (on: Ground) => {
    const user = new User(on.store, newId('account', random), newId('mailbox', random), newId('mailbox', random));
    const mailboxes = [
      { id: user.inbox, name: 'INBOX', uidValidity: 77 },
      { id: user.work, name: 'Work', uidValidity: 4_000_000_000 },
    ];
    const id = newId('mailbox', random);
    const answer = await user.ok(
      { type: 'create-account', mailboxes },
      { type: 'create-mailbox', id, name: 'Other', uidValidity: 5 },
    );
    assert.equal(resultOf(answer, 'create-mailbox', 1).uidValidity, 5);
    assert.equal((await user.mailbox()).uidValidity, 77);
    assert.equal((await user.mailbox(user.work)).uidValidity, 4_000_000_000);
    // What the store chooses is still greater than any before.
    const own = newId('mailbox', random);
    await user.ok({ type: 'create-mailbox', id: own, name: 'Own' });
    assert.equal((await user.mailbox(own)).uidValidity, 4_000_000_001);
  },

  'a name never gets a UIDVALIDITY that is not greater than those that it had': async (on: Ground) => {
    const user = await on.user();
    const { uidValidity } = await user.mailbox(user.work);
    await user.ok({ type: 'delete-mailbox', mailbox: user.work });
    const create = (validity: number) =>
      ({ type: 'create-mailbox', id: newId('mailbox', random), name: 'Work', uidValidity: validity }) as const;
    await user.refused('conflict', [create(uidValidity)]);
    await user.refused('bad-request', [create(0)]);
    await user.refused('bad-request', [create(MAX_UID + 1)]);
    await user.refused('bad-request', [create(1.5)]);
    await user.ok(create(uidValidity + 5));
  },

  'a mailbox that was renamed keeps what it got by that': async (on: Ground) => {
    const user = await on.user();
    const { uidValidity } = await user.mailbox(user.work);
    const rename = (name: string, validity: number) =>
      ({ type: 'rename-mailbox', mailbox: user.work, name, children: true, uidValidity: validity }) as const;
    await user.ok({ type: 'create-mailbox', id: newId('mailbox', random), name: 'Work/Below', uidValidity: 7 });
    await user.ok(rename('Other', uidValidity + 10));
    await user.ok(rename('Work', uidValidity + 20));
    await user.refused('conflict', [rename('Other', uidValidity + 10)]);
    const { mailboxes } = await on.store.mailboxes(user.access);
    const found = Object.fromEntries(mailboxes.map((mailbox) => [mailbox.name, mailbox.uidValidity]));
    assert.equal(found.Work, uidValidity + 20);
    assert.ok(found['Work/Below']! > 7, 'the name had the 7 before');
  },

  'UIDNEXT is raised and never lowered': async (on: Ground) => {
    const user = await on.user();
    await user.ok({ type: 'raise-uid-next', mailbox: user.inbox, uidNext: 100 }, user.add());
    await user.ok({ type: 'raise-uid-next', mailbox: user.inbox, uidNext: 50 });
    await user.ok(user.add());
    assert.deepEqual(await user.uids(), [100, 101]);
    assert.equal((await user.mailbox()).uidNext, 102);
    const { changed, uidNext } = await on.store.delta(user.access, user.inbox, 0);
    assert.deepEqual([[...changed.uids], uidNext], [[100, 101], 102]);
    await user.ok({ type: 'raise-uid-next', mailbox: user.work, uidNext: MAX_UID + 1 });
    await user.refused('limit-exceeded', [user.add(user.work)]);
    const raise = (uidNext: number) => ({ type: 'raise-uid-next', mailbox: user.inbox, uidNext }) as const;
    await user.refused('bad-request', [raise(MAX_UID + 2)]);
    await user.refused('bad-request', [raise(0)]);
    await user.refused('no-such-mailbox', [{ type: 'raise-uid-next', mailbox: 'none', uidNext: 5 }]);
  },

  'a message keeps its thread and the time at which it came into its mailbox': async (on: Ground) => {
    const user = await on.user();
    const as = { thread: 'tKept', savedAt: SAVED };
    const first = { ...user.add(user.inbox, { messageId: '1@x' }), as };
    const answer = await user.ok(first);
    assert.equal(resultOf(answer, 'add-message').thread, 'tKept');
    // A reply that comes now finds the thread; one with a thread of its own keeps that.
    await user.ok(user.add(user.inbox, { inReplyTo: ['1@x'] }));
    const other = { ...user.add(user.inbox, { inReplyTo: ['1@x'] }), as: { thread: 'tOther', savedAt: SAVED + 1 } };
    await user.ok({ type: 'subscribe', name: 'x', subscribed: true }, other);
    // One more placement of the first.
    await user.ok({ ...first, mailbox: user.work, as: { thread: 'tElse', savedAt: SAVED + 2 } });
    const rows = await user.rows();
    assert.deepEqual(
      rows.map(({ thread }) => thread),
      ['tKept', 'tKept', 'tOther'],
    );
    assert.deepEqual([rows[0]!.savedAt, rows[1]!.savedAt, rows[2]!.savedAt], [SAVED, on.clock.now(), SAVED + 1]);
    const [copy] = await user.rows(user.work);
    assert.deepEqual([copy!.thread, copy!.savedAt], ['tKept', SAVED + 2]);
    await user.refused('bad-request', [{ ...user.add(), as: { thread: 'not an id', savedAt: 0 } }]);
  },
};
