/** Messages found by their ids and by their threads, whether what finds them was made beforehand (`harness.collect`) or not. */
import assert from 'node:assert/strict';
import type { MailStore } from '#store/store.ts';
import type { Placed } from '#store/types.ts';
import { ALL } from '#store/uid-set.ts';
import { type Ground, HOUR, resultOf, type User } from './kit.ts';

const places = (user: User, found: readonly Placed[]): string[] =>
  found.map(({ mailbox, uid }) => `${mailbox === user.inbox ? 'inbox' : 'work'} ${uid}`).sort();

async function where(user: User, ...ids: string[]): Promise<string[]> {
  return places(user, await user.store.placements(user.access, ids));
}

/** Adds a message that answers another one; answers its id and thread. */
async function add(user: User, messageId: string, answers?: string, mailbox = user.inbox) {
  const replies = answers === undefined ? {} : { inReplyTo: [answers] };
  const answer = await user.ok(user.add(mailbox, { messageId, ...replies }));
  const { message, thread } = resultOf(answer, 'add-message');
  return { message, thread };
}

/** Runs the check as things are, and after a collection. */
async function always(on: Ground, user: User, check: (store: MailStore) => Promise<void>): Promise<void> {
  await check(user.store);
  await on.harness.collect();
  await check(user.store);
}

export const finding = {
  'a message is found by its id, wherever it is': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 3);
    const { message, thread } = await add(user, 'one@x.test');
    const found = await on.store.placements(user.access, [message]);
    assert.deepEqual(found, [{ message, thread, mailbox: user.inbox, uid: 4 }]);
    await always(on, user, async () => assert.deepEqual(await where(user, message), ['inbox 4']));
    await user.ok({ type: 'copy', from: user.inbox, uids: [[4, 4]], to: user.work });
    await user.ok({ type: 'copy', from: user.inbox, uids: [[4, 4]], to: user.inbox });
    await always(on, user, async () =>
      assert.deepEqual(await where(user, message, message), ['inbox 4', 'inbox 5', 'work 1']),
    );
    await user.ok({ type: 'move', from: user.inbox, uids: [[4, 4]], to: user.work });
    await always(on, user, async () => assert.deepEqual(await where(user, message), ['inbox 5', 'work 1', 'work 2']));
    await user.ok({ type: 'delete-mailbox', mailbox: user.work });
    await always(on, user, async () => assert.deepEqual(await where(user, message), ['inbox 5']));
    on.clock.move(2 * HOUR);
    await always(on, user, async () => assert.deepEqual(await where(user, message), ['inbox 5']));
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: [[5, 5]], onlyDeleted: false });
    await always(on, user, async () => assert.deepEqual(await where(user, message), []));
    on.clock.move(2 * HOUR);
    await always(on, user, async () => assert.deepEqual(await where(user, message), []));
  },

  'an id is another account’s, was never given, or comes again': async (on: Ground) => {
    const [user, other] = [await on.user(), await on.user()];
    const { message, thread } = await add(user, 'mine@x.test');
    await always(on, user, async (store) => {
      assert.deepEqual(await store.placements(other.access, [message, 'nobody', '']), []);
      assert.deepEqual(await store.threadMessages(other.access, [thread, 'nobody']), []);
      assert.deepEqual(await store.placements(other.access, []), []);
      assert.deepEqual(await store.threadMessages(other.access, []), []);
    });
    await assert.rejects(on.store.placements({ owner: user.owner, viewer: other.owner }, [message]), {
      failure: 'not-permitted',
    });
    await assert.rejects(on.store.threadMessages({ owner: 'nobody', viewer: 'nobody' }, [thread]), {
      failure: 'no-such-account',
    });
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: false });
    on.clock.move(2 * HOUR);
    await on.harness.collect();
    const again = user.add(user.work);
    await user.ok({ ...again, message: { ...again.message, id: message } });
    await always(on, user, async () => assert.deepEqual(await where(user, message), ['work 1']));
  },

  'a thread is found in all mailboxes': async (on: Ground) => {
    const user = await on.user();
    const first = await add(user, 'first@x.test');
    const other = await add(user, 'other@x.test');
    await add(user, 'second@x.test', 'first@x.test', user.work);
    await add(user, 'third@x.test', 'second@x.test');
    const thread = async (...ids: string[]): Promise<string[]> =>
      places(user, await on.store.threadMessages(user.access, ids));
    await always(on, user, async () => {
      assert.deepEqual(await thread(first.thread), ['inbox 1', 'inbox 3', 'work 1']);
      assert.deepEqual(await thread(first.thread, other.thread), ['inbox 1', 'inbox 2', 'inbox 3', 'work 1']);
    });
    await user.ok({ type: 'move', from: user.inbox, uids: [[3, 3]], to: user.work });
    await always(on, user, async () => assert.deepEqual(await thread(first.thread), ['inbox 1', 'work 1', 'work 2']));
  },

  'a thread is found among many messages, some of which went': async (on: Ground) => {
    const user = await on.user();
    const { thread } = await add(user, 'root@x.test');
    await user.fill(user.inbox, 300);
    await add(user, 'late@x.test', 'root@x.test');
    // Blocks with few messages, and one with none.
    await user.fill(user.inbox, 700);
    await user.ok({
      type: 'expunge',
      mailbox: user.inbox,
      uids: [
        [310, 760],
        [770, 1_000],
      ],
      onlyDeleted: false,
    });
    await add(user, 'last@x.test', 'late@x.test');
    const found = async (): Promise<string[]> => places(user, await on.store.threadMessages(user.access, [thread]));
    await always(on, user, async () => assert.deepEqual(await found(), ['inbox 1', 'inbox 1003', 'inbox 302']));
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: [[302, 302]], onlyDeleted: false });
    await always(on, user, async () => assert.deepEqual(await found(), ['inbox 1', 'inbox 1003']));
    on.clock.move(2 * HOUR);
    await always(on, user, async () => assert.deepEqual(await found(), ['inbox 1', 'inbox 1003']));
    await user.ok({ type: 'copy', from: user.inbox, uids: ALL, to: user.work });
    await always(on, user, async () => assert.equal((await found()).length, 4));
  },

  'what a crash leaves is found': async (on: Ground) => {
    const { crash } = on.harness;
    const user = await on.user();
    const { message, thread } = await add(user, 'lasting@x.test');
    const store = crash === undefined ? on.store : await crash();
    const [found] = await store.placements(user.access, [message]);
    assert.deepEqual(found, { message, thread, mailbox: user.inbox, uid: 1 });
    assert.deepEqual(await store.threadMessages(user.access, [thread]), [found]);
  },
};
