import assert from 'node:assert/strict';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Role } from '#store/types.ts';
import { random } from '../fixtures.ts';
import { collectOf, type Ground, resultOf, type User } from './kit.ts';

function create(name: string, role?: Role): Mutation & { type: 'create-mailbox' } {
  const id = newId('mailbox', random);
  return role === undefined ? { type: 'create-mailbox', id, name } : { type: 'create-mailbox', id, name, role };
}

const rename = (mailbox: string, name: string, children = true): Mutation => ({
  type: 'rename-mailbox',
  mailbox,
  name,
  children,
});

async function make(user: User, name: string): Promise<string> {
  const mutation = create(name);
  await user.ok(mutation);
  return mutation.id;
}

export const mailboxes = {
  'create-mailbox answers its id and UIDVALIDITY': async (on: Ground) => {
    const user = await on.user();
    const mutation = create('Projects/Peer');
    const answer = await user.ok(mutation);
    const { uidValidity, name, createdModseq, highestModseq } = await user.mailbox(mutation.id);
    assert.deepEqual(resultOf(answer, 'create-mailbox'), { type: 'create-mailbox', id: mutation.id, uidValidity });
    assert.deepEqual([name, createdModseq, highestModseq], ['Projects/Peer', answer.modseq, answer.modseq]);
    assert.deepEqual(await user.names(), ['INBOX', 'Projects/Peer', 'Work']);
  },

  'a mailbox is found by its name, as it is now': async (on: Ground) => {
    const user = await on.user();
    const named = async (name: string) => (await on.store.mailboxNamed(user.access, name))?.id;
    const id = await make(user, 'Projects/Peer');
    assert.deepEqual(
      [await named('Projects/Peer'), await named('Projects'), await named('')],
      [id, undefined, undefined],
    );
    assert.deepEqual(await on.store.mailboxNamed(user.access, 'Projects/Peer'), await user.mailbox(id));
    await user.ok(rename(id, 'Other'));
    assert.deepEqual([await named('Projects/Peer'), await named('Other')], [undefined, id]);
    const second = await make(user, 'Projects/Peer');
    await user.ok({ type: 'delete-mailbox', mailbox: id }, user.add(second));
    assert.deepEqual([await named('Projects/Peer'), await named('Other')], [second, undefined]);
    assert.equal((await on.store.mailboxNamed(user.access, 'Projects/Peer'))?.messages, 1);
  },

  'a glance tells what a snapshot does': async (on: Ground) => {
    const user = await on.user();
    const id = await make(user, 'Large');
    const agrees = async (): Promise<number | undefined> => {
      const snapshot = await on.store.snapshot(user.access, id);
      const { messages, keywords, firstUnseen, ...head } = await on.store.glance(user.access, id);
      const { uidValidity, uidNext, highestModseq, modseq } = snapshot;
      assert.deepEqual([head, messages], [{ uidValidity, uidNext, highestModseq, modseq }, snapshot.uids.length]);
      const used = snapshot.flagSets.flat().filter((flag) => !flag.startsWith('\\'));
      assert.deepEqual(
        used.filter((flag) => !keywords.includes(flag)),
        [],
      );
      return firstUnseen;
    };
    assert.equal(await agrees(), undefined);
    const seen = Array.from({ length: 1_200 }, () => user.add(id, {}, ['\\Seen', 'work']));
    await user.ok(...seen);
    assert.equal(await agrees(), undefined);
    await user.ok({ type: 'set-flags', mailbox: id, uids: [[7, 9]], change: 'remove', flags: ['\\Seen'] });
    assert.equal(await agrees(), 7);
    await user.ok({ type: 'expunge', mailbox: id, uids: [[2, 7]], onlyDeleted: false });
    assert.equal(await agrees(), 2);
    // So many that they stand beside the rows at first.
    await user.ok({ type: 'set-flags', mailbox: id, uids: [[1, 5_000]], change: 'replace', flags: ['\\Seen', 'new'] });
    assert.equal(await agrees(), undefined);
    await user.ok({ type: 'set-flags', mailbox: id, uids: [[1, 5_000]], change: 'replace', flags: ['later'] });
    assert.equal(await agrees(), 1);
  },

  'a mailbox can be filled in the commit that creates it': async (on: Ground) => {
    const user = await on.user();
    const mutation = create('New');
    await user.ok(mutation, user.add(mutation.id));
    assert.deepEqual(await user.uids(mutation.id), [1]);
  },

  'names and ids are taken once; INBOX in any case': async (on: Ground) => {
    const user = await on.user();
    await user.refused('exists', [create('Work')]);
    await user.refused('exists', [create('inbox')]);
    await user.refused('exists', [{ ...create('Fresh'), id: user.work }]);
    await user.ok(create('work'), create('Gru\u0308n'));
    await user.refused('exists', [create('Grün')]);
    for (const name of ['', '/a', 'a/', 'a//b']) await user.refused('bad-request', [create(name)]);
  },

  'a role belongs to one mailbox, inbox to INBOX': async (on: Ground) => {
    const user = await on.user();
    const sent = create('Sent', 'sent');
    await user.ok(sent);
    await user.refused('exists', [create('Sent 2', 'sent')]);
    await user.refused('not-permitted', [create('Other', 'inbox')]);
    await user.refused('exists', [{ type: 'set-role', mailbox: user.work, role: 'sent' }]);
    await user.refused('not-permitted', [{ type: 'set-role', mailbox: user.inbox, role: null }]);
    await user.ok(
      { type: 'set-role', mailbox: sent.id, role: null },
      { type: 'set-role', mailbox: user.work, role: 'sent' },
    );
    assert.deepEqual([(await user.mailbox(sent.id)).role, (await user.mailbox(user.work)).role], [undefined, 'sent']);
    await user.refused('no-such-mailbox', [{ type: 'set-role', mailbox: 'nowhere', role: 'junk' }]);
  },

  'delete-mailbox takes its messages, leaves its children, spares INBOX': async (on: Ground) => {
    const user = await on.user();
    const [parent, child] = [await make(user, 'P'), await make(user, 'P/C')];
    await user.fill(parent, 3);
    await user.fill(child, 1);
    await user.ok({ type: 'delete-mailbox', mailbox: parent });
    assert.deepEqual(await user.names(), ['INBOX', 'P/C', 'Work']);
    const { usedMessages } = await on.store.accountState(user.access);
    assert.equal(usedMessages, 1);
    await assert.rejects(on.store.snapshot(user.access, parent), { failure: 'no-such-mailbox' });
    await assert.rejects(collectOf(on.store.content(user.access, parent, 1, 0, 1)), { failure: 'no-such-mailbox' });
    assert.equal((await on.store.delta(user.access, parent, 0)).removed, true);
    await user.refused('not-permitted', [{ type: 'delete-mailbox', mailbox: user.inbox }]);
    await user.refused('no-such-mailbox', [{ type: 'delete-mailbox', mailbox: parent }]);
  },

  'a name that comes back has a greater UIDVALIDITY, also within a second': async (on: Ground) => {
    const user = await on.user();
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      const mutation = create('Again');
      seen.push(resultOf(await user.ok(mutation), 'create-mailbox').uidValidity);
      await user.ok({ type: 'delete-mailbox', mailbox: mutation.id });
    }
    assert.ok(seen[0]! < seen[1]! && seen[1]! < seen[2]!, seen.join());
  },

  'a mailbox renamed to a name of the past does not bring back its UIDVALIDITY': async (on: Ground) => {
    const user = await on.user();
    const old = await make(user, 'Old');
    const young = create('Name');
    const { uidValidity } = resultOf(await user.ok(young), 'create-mailbox');
    await user.ok({ type: 'delete-mailbox', mailbox: young.id });
    await user.ok(rename(old, 'Name'));
    assert.ok((await user.mailbox(old)).uidValidity > uidValidity);
  },

  'rename keeps id, messages and UIDVALIDITY, and takes descendants along when asked': async (on: Ground) => {
    const user = await on.user();
    const [a, b, c] = [await make(user, 'A'), await make(user, 'A/B'), await make(user, 'A/B/C')];
    await make(user, 'AB');
    await user.fill(b, 2);
    const { uidValidity } = await user.mailbox(b);
    await user.ok(rename(a, 'Z/Y'));
    assert.deepEqual(await user.names(), ['AB', 'INBOX', 'Work', 'Z/Y', 'Z/Y/B', 'Z/Y/B/C']);
    const { uidValidity: after, messages } = await user.mailbox(b);
    assert.deepEqual([after, messages], [uidValidity, 2]);
    await user.ok(rename(b, 'Alone', false));
    assert.deepEqual(await user.names(), ['AB', 'Alone', 'INBOX', 'Work', 'Z/Y', 'Z/Y/B/C']);
    assert.equal((await user.mailbox(c)).name, 'Z/Y/B/C');
  },

  'rename may move up onto an empty level above': async (on: Ground) => {
    const user = await on.user();
    const [b] = [await make(user, 'a/b'), await make(user, 'a/b/b/b'), await make(user, 'a/b/b')];
    await user.ok(rename(b!, 'a'));
    assert.deepEqual(await user.names(), ['INBOX', 'Work', 'a', 'a/b', 'a/b/b']);
  },

  'what can not be renamed': async (on: Ground) => {
    const user = await on.user();
    const a = await make(user, 'A');
    await make(user, 'A/B');
    await make(user, 'T/B');
    await user.refused('exists', [rename(a, 'Work')]);
    await user.refused('exists', [rename(a, 'T')]);
    assert.deepEqual(await user.names(), ['A', 'A/B', 'INBOX', 'T/B', 'Work'], 'nothing of it was done');
    await user.refused('exists', [rename(a, 'inbox')]);
    await user.refused('bad-request', [rename(a, 'A/C')]);
    await user.refused('bad-request', [rename(a, 'x//y')]);
    await user.refused('not-permitted', [rename(user.inbox, 'Elsewhere')]);
    await user.refused('no-such-mailbox', [rename('nowhere', 'Elsewhere')]);
  },

  'subscriptions are names, and outlive mailboxes': async (on: Ground) => {
    const user = await on.user();
    const subscribe = (name: string, subscribed = true): Mutation => ({ type: 'subscribe', name, subscribed });
    await user.ok(subscribe('Work'), subscribe('Not/There'), subscribe('inbox'), subscribe('Work'));
    await user.ok({ type: 'delete-mailbox', mailbox: user.work });
    const names = async () => (await on.store.mailboxes(user.access)).subscribed.toSorted();
    assert.deepEqual(await names(), ['INBOX', 'Not/There', 'Work']);
    await user.ok(subscribe('Work', false), subscribe('Never', false));
    assert.deepEqual(await names(), ['INBOX', 'Not/There']);
  },
};
