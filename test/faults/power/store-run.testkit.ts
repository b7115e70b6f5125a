/**
 * The recorded run of the stores alone: one process writes two shards, the directory and the queue, with many clients at once, and marks in the
 * journal what it was answered. Time runs 300,000 times as fast, so that segments wear out and what was expunged is collected.
 * Arguments: data folder, journal, seed, number of commits.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { armFaults } from '#runtime/fault-points.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { createAccount } from '#store/accounts.ts';
import type { AccountSecret } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { CommitAnswer, Mutation } from '#store/mutation.ts';
import { openDirectoryWriter } from '#store/sqlite/directory.ts';
import { openQueueWriter } from '#store/sqlite/queue.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { openShardWriter } from '#store/sqlite/writer.ts';
import { sketch } from '#test/contract/fixtures.ts';
import { silentLog } from '#test/support/log.ts';
import { generator } from '#test/support/random.ts';
import { mark } from './journal.ts';

armFaults(process.env.PEERPOST_FAULT);
const [, , data = '', journal = '', seed = '', commits = '0'] = process.argv;
const began = Date.now();
const clock = { ...systemClock, now: () => began + (Date.now() - began) * 300_000 };
const random = generator(seed);
const log = silentLog;
const CLIENTS = 12;
const SHARDS = 2;
const secret: AccountSecret = {
  argon2: { salt: Buffer.alloc(16), hash: Buffer.alloc(32), memory: 19_456, passes: 2, parallelism: 1 },
  scram: { salt: Buffer.alloc(16), iterations: 4096, storedKey: Buffer.alloc(32), serverKey: Buffer.alloc(32) },
};
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const directory = await openDirectoryWriter({ data, clock });
const queue = await openQueueWriter({ data, clock, log });
const writers = await Promise.all(
  Array.from({ length: SHARDS }, (_, shard) => openShardWriter({ data, shard, log, clock, collectEvery: 0 })),
);
const locate = async (id: string): Promise<number> => (await directory.account(id))?.shard ?? 0;
const store = openMailStore({
  data,
  shards: SHARDS,
  locate,
  log,
  clock,
  writers: (shard) => writers[shard],
  readers: 1,
});

await directory.change({ type: 'add-domain', name: 'a.test' });
const owners: string[] = [];
for (let n = 0; n < 5; n++) {
  const address = `user${n}@a.test`;
  const id = await createAccount({ directory, store, random: systemRandom, shards: SHARDS, quota: 0 }, address, secret);
  owners.push(id);
  mark(journal, { type: 'account', id, address });
}
const inboxes = new Map<string, string>();
for (const owner of owners) {
  const { mailboxes } = await store.mailboxes({ owner, viewer: owner });
  inboxes.set(owner, mailboxes.find(({ name }) => name === 'INBOX')!.id);
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

const commit = (owner: string, mutations: readonly Mutation[]): Promise<CommitAnswer> =>
  store.commit({ owner, actor: owner, id: newId('commit', systemRandom), mutations });

async function addMessage(owner: string, n: number): Promise<void> {
  const large = random() < 0.25;
  const { message, content } = sketch({
    subject: `n${n}`,
    text: `${n} `.repeat(large ? 20_000 : 500 + Math.floor(random() * 3_000)),
  });
  const body = large ? await store.stage(owner, pieces(content.subarray(message.prefix.length))) : message.body;
  const mailbox = inboxes.get(owner)!;
  const answer = await commit(owner, [{ type: 'add-message', mailbox, message: { ...message, body }, flags: [] }]);
  const [result] = answer.ok ? answer.results : [];
  if (!answer.ok || result?.type !== 'add-message') return;
  mark(journal, {
    type: 'message',
    owner,
    uid: result.uid,
    modseq: answer.modseq,
    size: content.length,
    digest: digest(content),
  });
  if (random() < 0.2) {
    mark(journal, { type: 'expunging', owner, uid: result.uid });
    const gone = await commit(owner, [
      { type: 'expunge', mailbox, uids: [[result.uid, result.uid]], onlyDeleted: false },
    ]);
    if (gone.ok) mark(journal, { type: 'expunged', owner, uid: result.uid, modseq: gone.modseq });
  } else if (random() < 0.3) {
    const flagged = await commit(owner, [
      { type: 'set-flags', mailbox, uids: [[result.uid, result.uid]], change: 'add', flags: ['\\Seen'] },
    ]);
    if (flagged.ok) mark(journal, { type: 'seen', owner, uid: result.uid, modseq: flagged.modseq });
  }
}

async function useQueue(n: number): Promise<void> {
  const id = newId('queue', systemRandom);
  const size = random() < 0.5 ? 2_000 : 300_000;
  const bytes = Buffer.from(`${n} `.repeat(size / 4));
  const spooled = size > 2_000 && random() < 0.5;
  const file = join(data, `spooled-${id}`);
  if (spooled) writeFileSync(file, bytes);
  const address = { localPart: 'x', domain: 'far.test' };
  const entry = {
    id,
    deliveryId: id,
    reversePath: address,
    bodyType: '7bit',
    smtputf8: false,
    arrivedAt: clock.now(),
  } as const;
  const content = spooled ? { file, size: bytes.length } : { data: bytes };
  await queue.enqueue({ ...entry, expiresAt: clock.now() + 1e12, recipients: [{ address }], content });
  mark(journal, { type: 'enqueued', id, digest: digest(bytes) });
  if (random() < 0.5) return;
  mark(journal, { type: 'settling', id });
  await queue.settle(id, [{ index: 0, at: clock.now(), verdict: 'relayed' }], []);
  mark(journal, { type: 'settled', id });
}

let next = 0;
async function client(): Promise<void> {
  for (let n = next++; n < Number(commits); n = next++) {
    if (n % 6 === 0) await useQueue(n);
    else await addMessage(owners[n % owners.length]!, n);
    if (n % 60 === 0) await Promise.all(writers.map((writer) => writer.collect()));
    if (n % 100 === 0) {
      const address = `alias${n}@a.test`;
      await directory.change({ type: 'add-alias', address, targets: ['user0@a.test'] });
      mark(journal, { type: 'alias', address });
    }
  }
}
await Promise.all(Array.from({ length: CLIENTS }, client));
await store.close();
await queue.close();
await directory.close();
await Promise.all(writers.map((writer) => writer.close()));
