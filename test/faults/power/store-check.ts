/** Opens the stores on what a power cut left, and holds them to every word that was marked before the cut. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { newId } from '#store/ids.ts';
import { openDatabase } from '#store/sqlite/database.ts';
import { openDirectoryWriter } from '#store/sqlite/directory.ts';
import { shardFile } from '#store/sqlite/paths.ts';
import { openQueueWriter } from '#store/sqlite/queue.ts';
import { SCHEMA } from '#store/sqlite/schema.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import type { MailStore } from '#store/store.ts';
import { ALL } from '#store/uid-set.ts';
import { sketch } from '#test/contract/fixtures.ts';
import { recordingLog } from '#test/support/log.ts';

export type StoreWord =
  | { readonly type: 'account'; readonly id: string; readonly address: string }
  | { readonly type: 'alias'; readonly address: string }
  | {
      readonly type: 'message';
      readonly owner: string;
      readonly uid: number;
      readonly modseq: number;
      readonly size: number;
      readonly digest: string;
    }
  | { readonly type: 'expunging'; readonly owner: string; readonly uid: number }
  | { readonly type: 'expunged' | 'seen'; readonly owner: string; readonly uid: number; readonly modseq: number }
  | { readonly type: 'enqueued'; readonly id: string; readonly digest: string }
  | { readonly type: 'settling' | 'settled'; readonly id: string };

const SHARDS = 2;

/** Throws what is missing or wrong; answers how many words were held to. */
export async function checkStores(data: string, words: readonly StoreWord[]): Promise<number> {
  const log = recordingLog();
  const clock = systemClock;
  const directory = await openDirectoryWriter({ data, clock });
  const locate = async (id: string): Promise<number> => (await directory.account(id))?.shard ?? 0;
  const store = openMailStore({ data, shards: SHARDS, locate, log, clock, own: true, readers: 1 });
  try {
    const aliases = new Set((await directory.aliases()).map(({ address }) => address));
    for (const word of words)
      if (word.type === 'alias') assert.ok(aliases.has(word.address), `${word.address} is gone`);
    for (const word of words) {
      if (word.type !== 'account') continue;
      assert.equal((await directory.account(word.id))?.state, 'active', `account ${word.address}`);
      await checkAccount(
        store,
        word.id,
        words.filter((one) => 'owner' in one && one.owner === word.id),
      );
    }
    await checkQueue(data, words);
  } finally {
    await store.close();
    await directory.close();
  }
  for (let shard = 0; shard < SHARDS; shard++) {
    const db = openDatabase(shardFile(data, shard), { migrations: SCHEMA });
    assert.deepEqual(db.arrays('PRAGMA integrity_check').all(), [['ok']]);
    db.close();
  }
  assert.deepEqual(
    log.entries.filter(({ level }) => level === 'error'),
    [],
  );
  return words.length;
}

async function checkAccount(store: MailStore, owner: string, words: readonly StoreWord[]): Promise<void> {
  const access = { owner, viewer: owner };
  const { mailboxes } = await store.mailboxes(access);
  const inbox = mailboxes.find(({ name }) => name === 'INBOX')?.id ?? '';
  const rows = new Map<number, { readonly size: number }>();
  for await (const batch of store.messages(access, inbox, ALL, {})) for (const row of batch) rows.set(row.uid, row);
  const { uidNext } = await store.snapshot(access, inbox);
  const going = new Set(words.flatMap((word) => (word.type === 'expunging' ? [word.uid] : [])));
  let [highestUid, highestModseq] = [0, 0];
  for (const word of words) {
    if ('uid' in word) highestUid = Math.max(highestUid, word.uid);
    if ('modseq' in word) highestModseq = Math.max(highestModseq, word.modseq);
    if (word.type === 'expunged') assert.ok(!rows.has(word.uid), `UID ${word.uid} has come back`);
    if (word.type !== 'message' || going.has(word.uid)) continue;
    assert.equal(rows.get(word.uid)?.size, word.size, `UID ${word.uid} of ${owner} is gone`);
  }
  for (const uid of rows.keys()) await checkContent(store, access, inbox, uid, words);
  assert.ok(uidNext > highestUid, `UIDNEXT ${uidNext} after UID ${highestUid}`);
  const { message } = sketch({ subject: 'after', text: 'after the cut' });
  const mutation = { type: 'add-message' as const, mailbox: inbox, message, flags: [] };
  const answer = await store.commit({ owner, actor: owner, id: newId('commit', systemRandom), mutations: [mutation] });
  assert.ok(answer.ok && answer.modseq > highestModseq, `modseq after ${highestModseq}: ${JSON.stringify(answer)}`);
}

/** Whatever is there is whole, be it answered or not. */
async function checkContent(
  store: MailStore,
  access: { owner: string; viewer: string },
  inbox: string,
  uid: number,
  words: readonly StoreWord[],
): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of store.content(access, inbox, uid, 0, Number.MAX_SAFE_INTEGER)) hash.update(piece);
  const digest = hash.digest('hex');
  const known = words.find((word) => word.type === 'message' && word.uid === uid);
  if (known?.type === 'message') assert.equal(digest, known.digest, `UID ${uid} is damaged`);
}

async function checkQueue(data: string, words: readonly StoreWord[]): Promise<void> {
  const queue = await openQueueWriter({ data, clock: systemClock, log: recordingLog() });
  try {
    const going = new Set(words.flatMap((word) => (word.type === 'settling' ? [word.id] : [])));
    for (const word of words) {
      if (word.type === 'settled') assert.equal(await queue.get(word.id), undefined, `entry ${word.id} has come back`);
      if (word.type !== 'enqueued' || going.has(word.id)) continue;
      assert.ok(await queue.get(word.id), `entry ${word.id} is gone`);
    }
    for (const { id } of await queue.list({ limit: 10_000 })) {
      const hash = createHash('sha256');
      for await (const piece of queue.content(id)) hash.update(piece);
      const known = words.find((word) => word.type === 'enqueued' && word.id === id);
      if (known?.type === 'enqueued') assert.equal(hash.digest('hex'), known.digest, `content of ${id}`);
    }
  } finally {
    await queue.close();
  }
}
