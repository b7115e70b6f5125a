import assert from 'node:assert/strict';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Role } from '#store/types.ts';
import { ALL } from '#store/uid-set.ts';
import { random } from '../fixtures.ts';
import { collectOf, type Ground, User } from './kit.ts';

const create = (...names: [string, Role?][]): Mutation & { type: 'create-account' } => ({
  type: 'create-account',
  mailboxes: names.map(([name, role]) => {
    const id = newId('mailbox', random);
    return role === undefined ? { id, name } : { id, name, role };
  }),
});

const stranger = ({ store }: Ground) =>
  new User(store, newId('account', random), newId('mailbox', random), newId('mailbox', random));

export const accounts = {
  'create-account makes INBOX and the mailboxes given, with their roles': async (on: Ground) => {
    const user = stranger(on);
    const answer = await user.ok(create(['INBOX', 'inbox'], ['Sent', 'sent'], ['Sub/Deep']));
    assert.equal(answer.modseq, 1);
    const { mailboxes, modseq, subscribed } = await on.store.mailboxes(user.access);
    assert.equal(modseq, 1);
    assert.deepEqual(subscribed, []);
    const roles = Object.fromEntries(mailboxes.map(({ name, role }) => [name, role]));
    assert.deepEqual(roles, { INBOX: 'inbox', Sent: 'sent', 'Sub/Deep': undefined });
    for (const mailbox of mailboxes) {
      const { uidNext, highestModseq, messages, unseen, deleted, size } = mailbox;
      assert.deepEqual([uidNext, highestModseq, messages, unseen, deleted, size], [1, 1, 0, 0, 0, 0]);
      assert.ok(mailbox.uidValidity > 0 && mailbox.uidValidity <= 0xffff_ffff);
    }
    const state = await on.store.accountState(user.access);
    assert.deepEqual(state, { id: user.owner, modseq: 1, usedBytes: 0, usedMessages: 0 });
  },

  'INBOX comes by itself, with its role': async (on: Ground) => {
    const user = stranger(on);
    await user.ok(create(['Drafts', 'drafts']));
    assert.deepEqual(await user.names(), ['Drafts', 'INBOX']);
    const { mailboxes } = await on.store.mailboxes(user.access);
    assert.equal(mailboxes.find(({ name }) => name === 'INBOX')?.role, 'inbox');
  },

  'an account can be filled in the commit that creates it': async (on: Ground) => {
    const user = stranger(on);
    const mailboxes = [{ id: user.inbox, name: 'INBOX' }];
    await user.ok({ type: 'create-account', mailboxes }, user.add(), {
      type: 'subscribe',
      name: 'INBOX',
      subscribed: true,
    });
    assert.deepEqual(await user.uids(), [1]);
  },

  'creating it again is refused, repeating the commit is not': async (on: Ground) => {
    const user = stranger(on);
    const first = await user.commit('same', create());
    await user.refused('exists', [create()]);
    const again = await user.commit('same', create());
    assert.ok(first.ok && again.ok && again.repeated);
    assert.equal(again.modseq, first.modseq);
  },

  'without an account everything says no-such-account': async (on: Ground) => {
    const user = stranger(on);
    const expected = { failure: 'no-such-account' };
    await user.refused('no-such-account', [user.add()]);
    await user.refused('no-such-account', [{ type: 'set-quota', bytes: 1 }, user.add()], 0);
    await assert.rejects(on.store.accountState(user.access), expected);
    await assert.rejects(on.store.mailboxes(user.access), expected);
    await assert.rejects(on.store.snapshot(user.access, user.inbox), expected);
    await assert.rejects(on.store.delta(user.access, user.inbox, 0), expected);
    await assert.rejects(on.store.changes(user.access, 0, 10), expected);
    await assert.rejects(collectOf(on.store.messages(user.access, user.inbox, ALL, {})), expected);
    await assert.rejects(collectOf(on.store.content(user.access, user.inbox, 1, 0, 1)), expected);
    await assert.rejects(on.store.search(user.access, user.inbox, { key: 'all' }), expected);
    await assert.rejects(on.store.outbox(user.owner), expected);
  },

  'delete-account takes everything, and another account keeps its own': async (on: Ground) => {
    const [user, other] = [await on.user(), await on.user()];
    const shared = user.add();
    await user.ok(shared);
    await other.ok({ ...shared, mailbox: other.inbox });
    const before = await other.content(other.inbox, 1);
    await user.ok({ type: 'delete-account' });
    await assert.rejects(on.store.mailboxes(user.access), { failure: 'no-such-account' });
    await user.refused('no-such-account', [user.add()]);
    await on.harness.collect();
    assert.deepEqual(await other.content(other.inbox, 1), before, 'a body that both have stays for the other');
  },

  'an account may be created anew after it was deleted': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 3);
    const { uidValidity } = await user.mailbox();
    await user.ok({ type: 'delete-account' });
    on.clock.move(2000);
    await user.ok({ type: 'create-account', mailboxes: [{ id: user.inbox, name: 'INBOX' }] });
    const inbox = await user.mailbox();
    assert.equal(inbox.messages, 0);
    assert.ok(inbox.uidValidity > uidValidity);
  },

  'nobody acts on or looks at another account': async (on: Ground) => {
    const [user, other] = [await on.user(), await on.user()];
    const answer = await on.store.commit({ owner: user.owner, actor: other.owner, id: 'x', mutations: [user.add()] });
    assert.ok(!answer.ok && answer.failure === 'not-permitted');
    const access = { owner: user.owner, viewer: other.owner };
    await assert.rejects(on.store.mailboxes(access), { failure: 'not-permitted' });
    await assert.rejects(on.store.snapshot(access, user.inbox), { failure: 'not-permitted' });
  },
};
