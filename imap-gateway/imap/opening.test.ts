/** SELECT of a large mailbox is answered before its messages are read: whatever happens in between, the client's numbers are those that it was told. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import { sketch } from '#test/contract/fixtures.ts';
import { type ImapTestClient, type ImapWorld, imapWorld } from '#test/support/imap-session.ts';
import { fakeRandom } from '#test/support/random.ts';

const MESSAGES = 600;
const random = fakeRandom();
const worlds: ImapWorld[] = [];
after(async () => {
  for (const world of worlds) await world.close();
});

interface Large {
  readonly world: ImapWorld;
  readonly client: ImapTestClient;
  readonly mailbox: string;
  readonly commit: (...mutations: Mutation[]) => Promise<void>;
}

/** @param before runs before the mailbox is read, each time. */
async function large(before: (large: Large) => Promise<void>): Promise<Large> {
  let made: Large | undefined;
  const wrap = (store: MailStore): MailStore =>
    new Proxy(store, {
      get(target, name: keyof MailStore) {
        if (name === 'snapshot') {
          return async (...args: Parameters<MailStore['snapshot']>) => {
            if (made) await before(made);
            return target.snapshot(...args);
          };
        }
        const member = target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  const world = await imapWorld({ wrap });
  worlds.push(world);
  const { owner } = world.access;
  const commit = async (...mutations: Mutation[]): Promise<void> => {
    const answer = await world.store.commit({ owner, actor: owner, id: newId('commit', random), mutations });
    assert.ok(answer.ok);
  };
  const mailbox = newId('mailbox', random);
  await commit({ type: 'create-mailbox', id: mailbox, name: 'large' });
  await commit(...Array.from({ length: MESSAGES }, (_, i) => add(mailbox, i < 3 ? ['\\Seen', 'work'] : [])));
  made = { world, client: await world.connect(), mailbox, commit };
  return made;
}

const add = (mailbox: string, flags: string[]): Mutation => ({
  type: 'add-message',
  mailbox,
  message: sketch().message,
  flags,
});

const expunge = (mailbox: string, first: number, last: number): Mutation => ({
  type: 'expunge',
  mailbox,
  uids: [[first, last]],
  onlyDeleted: false,
});

test('the answer doesn’t wait for the messages, and the next command does', async () => {
  const reading = Promise.withResolvers<void>();
  const { client } = await large(() => reading.promise);
  const answer = await client.ask('SELECT large');
  assert.ok(answer.includes(`* ${MESSAGES} EXISTS`));
  assert.ok(answer.includes('* OK [UNSEEN 4] First unseen'));
  assert.match(answer[0] ?? '', /^\* FLAGS \(.*work\)$/);
  assert.match(answer.at(-1) ?? '', /^OK \[READ-WRITE\]/);
  const tag = client.start(`FETCH ${MESSAGES} UID`);
  reading.resolve();
  assert.deepEqual(await client.finish(tag), [`* ${MESSAGES} FETCH (UID ${MESSAGES})`, 'OK FETCH completed']);
});

test('what happens between answer and messages is told afterwards, in the numbers of the answer', async () => {
  const { client } = await large(async ({ mailbox, commit }) => {
    await commit(expunge(mailbox, 2, 3), add(mailbox, []));
    await commit({ type: 'set-flags', mailbox, uids: [[5, 5]], change: 'add', flags: ['later'] });
    await commit(add(mailbox, []), expunge(mailbox, 601, 601));
  });
  assert.ok((await client.ask('SELECT large')).includes(`* ${MESSAGES} EXISTS`));
  // Gone, and still counted until EXPUNGE says so.
  assert.deepEqual(await client.ask('FETCH 2:4 (FLAGS)'), [
    '* 2 FETCH (FLAGS (\\Deleted))',
    '* 3 FETCH (FLAGS (\\Deleted))',
    '* 4 FETCH (FLAGS ())',
    '* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen work later)',
    '* OK [PERMANENTFLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen work later \\*)] Flags that are kept',
    '* 601 EXISTS',
    '* 5 FETCH (UID 5 FLAGS (later))',
    'OK FETCH completed',
  ]);
  assert.deepEqual(await client.ask('NOOP'), ['* 3 EXPUNGE', '* 2 EXPUNGE', 'OK NOOP completed']);
  assert.deepEqual(await client.ask('FETCH 2,599 UID'), [
    '* 2 FETCH (UID 4)',
    '* 599 FETCH (UID 602)',
    'OK FETCH completed',
  ]);
});

test('a mailbox that is deleted or renamed before it is read ends the session', async () => {
  for (const mutation of ['delete-mailbox', 'rename-mailbox'] as const) {
    const { client } = await large(({ mailbox, commit }) =>
      commit(
        mutation === 'delete-mailbox'
          ? { type: mutation, mailbox }
          : { type: mutation, mailbox, name: 'other', children: false },
      ),
    );
    assert.match((await client.ask('SELECT large')).at(-1) ?? '', /^OK/);
    if (mutation === 'delete-mailbox') assert.equal(await client.line(), '* BYE The selected mailbox was removed');
  }
});

test('messages that can not be read end the session, and no view is left open', async () => {
  const { client, world } = await large(async () => {
    throw new MailError('unavailable', 'the disk says no');
  });
  assert.match((await client.ask('SELECT large')).at(-1) ?? '', /^OK/);
  assert.equal(await client.line(), '* BYE [UNAVAILABLE] The selected mailbox can not be read');
  await assert.rejects(client.line(), /the server has closed/);
  const other = await world.connect();
  assert.match((await other.ask('SELECT INBOX')).at(-1) ?? '', /^(OK|NO)/);
});
