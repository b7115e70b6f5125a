import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '#runtime/system.ts';
import { createAccount } from '#store/accounts.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { makeSecret } from '#store/secret.ts';
import { importMailbox } from './mailbox.ts';
import { Marks, markKey } from './marks.ts';
import { Tally } from './progress.ts';
import type { OpenMailbox, SourceAddress } from './source.ts';

const clock = { now: () => Date.UTC(2026, 10, 23) };
const VALIDITY = 7;

/** Messages with these UIDs, each always the same. */
function mailboxOf(uids: readonly number[]): OpenMailbox {
  const text = (uid: number): Buffer => Buffer.from(`Message-ID: <${uid}@x>\r\n\r\n${'x'.repeat(uid)}\r\n`);
  return {
    uidValidity: VALIDITY,
    messages: async () => uids.map((uid) => ({ uid, size: text(uid).length, flags: [], time: uid * 1_000 })),
    messageIds: async () => new Map(uids.map((uid) => [uid, `<${uid}@x>`])),
    async *contents(some) {
      for (const uid of some) yield { uid, content: text(uid) };
    },
    content: async () => undefined,
  };
}

async function world() {
  const store = new MemoryStore({ clock, random: systemRandom });
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: 'a.test' });
  const rooms = { store, random: systemRandom, clock, messageSize: 1_000_000 };
  const owner = await createAccount({ ...rooms, directory, shards: 1, quota: 0 }, 'a@a.test', await makeSecret('x'));
  const access = { owner, viewer: owner };
  const take = async (from: Partial<SourceAddress>, path: string, uids: readonly number[], to: string) => {
    const server = { host: 'mail.example.org', port: 993, secure: true, user: 'a', ...from };
    const marks = new Marks(markKey(server, path), VALIDITY);
    await marks.load(store, access);
    const tally = new Tally(() => undefined);
    const mailbox = (await store.mailboxNamed(access, to))!.id;
    const { signal } = new AbortController();
    const work = { rooms, access, mailbox, marks, tally, opened: mailboxOf(uids), signal };
    await importMailbox({ ...work, progress: tally.mailbox(path, to) });
    return tally.progress().copied;
  };
  return { take };
}

test('one server by several ports and names is one server', async () => {
  const { take } = await world();
  assert.equal(await take({}, 'INBOX', [1, 2, 3], 'INBOX'), 3);
  assert.equal(await take({ port: 1993 }, 'INBOX', [1, 2, 3, 4], 'INBOX'), 1);
  assert.equal(await take({ host: 'imap.example.org' }, 'INBOX', [1, 2, 3, 4, 5], 'INBOX'), 1);
  assert.equal(await take({}, 'INBOX', [1, 2, 3, 4, 5, 6], 'INBOX'), 1);
});

test('another mailbox of the same UIDVALIDITY that holds copies is another mailbox', async () => {
  const { take } = await world();
  assert.equal(await take({}, 'INBOX', [1, 2, 3], 'INBOX'), 3);
  assert.equal(await take({}, 'Copies', [1, 2, 3], 'Archive'), 3);
});
