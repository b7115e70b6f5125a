import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import { systemRandom } from '#runtime/system.ts';
import { createAccount, findAccount } from '#store/accounts.ts';
import { newId } from '#store/ids.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { makeSecret } from '#store/secret.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, Uid } from '#store/types.ts';
import { verifyArchive } from './archive/read.ts';
import { restoreArchive } from './archive/restore.ts';
import { type ArchiveProgress, writeArchive } from './archive/write.ts';
import { incomingMoves } from './move/incoming.ts';
import { moveAccount } from './move/outgoing.ts';

const clock = { now: () => Date.UTC(2026, 10, 23) };
const secret = makeSecret('secret');
const LARGE = 400_000;

async function peer(domain: string) {
  const store = new MemoryStore({ clock, random: systemRandom });
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: domain });
  const messageSize = Number.POSITIVE_INFINITY;
  return { store, directory, random: systemRandom, clock, shards: 1, quota: 0, messageSize };
}

/** As a store whose rows of some UIDs, and content of others, are damaged. */
function damaged(store: MailStore, rows: readonly Uid[], contents: readonly Uid[] = []): MailStore {
  const broken = (): never => {
    throw new MailError('unavailable', 'wrong CRC');
  };
  return new Proxy(store, {
    get(target, name: keyof MailStore) {
      if (name === 'messages') {
        return async function* (...args: Parameters<MailStore['messages']>) {
          let bad = false;
          for await (const batch of target.messages(...args)) {
            bad ||= batch.some(({ uid }) => rows.includes(uid));
            yield batch.filter(({ uid }) => !rows.includes(uid));
          }
          if (bad) broken();
        };
      }
      if (name === 'content') {
        return async function* (...args: Parameters<MailStore['content']>) {
          if (contents.includes(args[2])) broken();
          yield* target.content(...args);
        };
      }
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Ten messages in INBOX, the fourth of them large, and the third once more in Archive. */
async function filled() {
  const from = await peer('alpha.test');
  const owner = await createAccount(from, 'alice@alpha.test', await secret);
  const access: Access = { owner, viewer: owner };
  const { mailboxes } = await from.store.mailboxes(access);
  const idOf = (name: string) => mailboxes.find((one) => one.name === name)!.id;
  for (let n = 1; n <= 10; n++) {
    const bytes = Buffer.from(`Subject: ${n}\r\n\r\n${'x'.repeat(n === 4 ? LARGE : n)}\r\n`);
    const body = await from.store.stage(
      owner,
      (async function* () {
        yield bytes;
      })(),
    );
    const internalDate = { time: n, zone: 0 };
    const message = { id: newId('message', systemRandom), body, prefix: Buffer.alloc(0), index: indexMessage(bytes) };
    const add = {
      type: 'add-message',
      mailbox: idOf('INBOX'),
      message: { ...message, internalDate },
      flags: [],
    } as const;
    await from.store.commit({ owner, actor: owner, id: `add${n}`, mutations: [add] });
  }
  const copy = { type: 'copy', from: idOf('INBOX'), uids: [[3, 3]], to: idOf('Archive') } as const;
  await from.store.commit({ owner, actor: owner, id: 'copy', mutations: [copy] });
  return { from, access, account: (await findAccount(from.directory, 'alice@alpha.test'))! };
}

const failures = (uids: readonly Uid[]) => uids.map((uid) => ['INBOX', uid]);

test('what is damaged is named, and the rest is in the archive', async () => {
  const { from, account } = await filled();
  const store = damaged(from.store, [2, 3, 10], [4]);
  let told: ArchiveProgress | undefined;
  const report = (now: ArchiveProgress): void => {
    told = { ...now, failures: [...now.failures] };
  };
  const file = await buffer(writeArchive({ ...from, store }, account, { report, secret: await secret }));
  assert.deepEqual(
    told?.failures.map(({ path, uid }) => [path, uid]).sort((a, b) => Number(a[1]) - Number(b[1])),
    failures([2, 3, 4, 10]),
  );
  assert.deepEqual([told?.messages, told?.failed], [7, 4]);
  const source = async function* () {
    yield file;
  };
  assert.equal((await verifyArchive(source())).end.messages, 7);
  const to = await peer('beta.test');
  assert.equal((await restoreArchive(to, source(), { address: 'bob@beta.test' })).messages, 7);
});

test('what is damaged stays behind when an account moves, and UIDs stay what they were', async () => {
  const { from, account, access } = await filled();
  const goal = await peer('beta.test');
  const done = await moveAccount({
    ...from,
    store: damaged(from.store, [2, 10], [4]),
    account,
    target: incomingMoves(goal, { actor: 'test' }),
    to: 'https://mail.beta.test',
    as: 'bob@beta.test',
    how: 'forward',
    by: { actor: 'test' },
    signal: new AbortController().signal,
    close: async () => undefined,
    wait: async () => undefined,
    report: () => undefined,
  });
  assert.deepEqual(new Set(done.failures.map(({ uid }) => uid)), new Set([2, 4, 10]));
  const { id: owner } = (await findAccount(goal.directory, 'bob@beta.test'))!;
  const there = { owner, viewer: owner };
  const inbox = (await goal.store.mailboxNamed(there, 'INBOX'))!;
  assert.deepEqual([...(await goal.store.snapshot(there, inbox.id)).uids], [1, 3, 5, 6, 7, 8, 9]);
  assert.equal(inbox.uidNext, (await from.store.mailboxNamed(access, 'INBOX'))!.uidNext);
});

test('a store that can not be read is no damage', async () => {
  const { from, account } = await filled();
  let down = false;
  const refuse = (): never => {
    throw new MailError('unavailable', 'nobody answers');
  };
  const store = new Proxy(from.store, {
    get(target, name: keyof MailStore) {
      if (name === 'messages') down = true;
      if (down) return refuse;
      return target[name].bind(target);
    },
  });
  await assert.rejects(buffer(writeArchive({ ...from, store }, account)), { failure: 'unavailable' });
});
