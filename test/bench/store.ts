/** How fast the SQLite store takes in mail, and how fast it gives it back. The writer's share is measured without threads around it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { createIndexer } from '#mail/mime/indexer.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { newId } from '#store/ids.ts';
import type { Commit, Mutation } from '#store/mutation.ts';
import { openDatabase } from '#store/sqlite/database.ts';
import { GroupRunner } from '#store/sqlite/group.ts';
import { packJob, unpackJob } from '#store/sqlite/job.ts';
import { packMessage } from '#store/sqlite/pack.ts';
import { SCHEMA } from '#store/sqlite/schema.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { openShardWriter } from '#store/sqlite/writer.ts';
import type { Columns, MailStore } from '#store/store.ts';
import type { NewMessage } from '#store/types.ts';
import { ALL } from '#store/uid-set.ts';
import { silentLog } from '#test/support/log.ts';

const ACCOUNTS = 1_000;
const line = 'The quick brown fox jumps over the lazy dog, and writes home about it.\r\n';

export async function run(): Promise<void> {
  for (const size of [1, 20, 100]) apply(size);
  await whole();
}

function report(name: string, count: number, began: number, unit = 'a second'): void {
  const ms = performance.now() - began;
  const rate = Math.round((count / ms) * 1_000).toLocaleString('en');
  console.log(`store  ${name.padEnd(44)} ${rate.padStart(10)} ${unit}, ${((ms * 1_000) / count).toFixed(1)} µs each`);
}

function message(n: number): NewMessage {
  const head = `From: Alice <alice@alpha.test>\r\nTo: bob@beta.test\r\nSubject: Number ${n}\r\nDate: Mon, 23 Nov 2026 12:15:01 +0100\r\nMessage-ID: <${n}.${newId('message', systemRandom)}@alpha.test>\r\n\r\n`;
  const data = Buffer.from(head + line.repeat(54));
  const indexer = createIndexer();
  indexer.push(data);
  const body = { id: newId('body', systemRandom), length: data.length, crc: crc32(data), data };
  return {
    id: newId('message', systemRandom),
    body: { ...body, codec: 'identity', key: null },
    prefix: Buffer.from('Return-Path: <alice@alpha.test>\r\nDelivered-To: bob@beta.test\r\n'),
    index: indexer.finish(),
    internalDate: { time: Date.now(), zone: 60 },
  };
}

const account = (n: number): string => `account${n % ACCOUNTS}`;
const inbox = (n: number): string => `inbox${n % ACCOUNTS}`;

function commitOf(owner: string, ...mutations: Mutation[]): Commit {
  return { owner, actor: owner, id: randomBytes(12).toString('hex'), mutations };
}

const create = (n: number): Commit =>
  commitOf(account(n), { type: 'create-account', mailboxes: [{ id: inbox(n), name: 'INBOX' }] });

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'bench-store-'));
}

/** The writer thread's own work: unpacking, applying, one fsync a group. */
function apply(groupSize: number): void {
  const data = folder();
  const db = openDatabase(join(data, 'shard.sqlite'), { migrations: SCHEMA, autoCheckpoint: 0, cacheKb: 8_192 });
  const runner = new GroupRunner(db, { random: systemRandom, now: Date.now, log: silentLog });
  for (let n = 0; n < ACCOUNTS; n++) runner.run([{ kind: 'commit', commit: create(n) as never }]);
  const total = groupSize === 1 ? 4_000 : 20_000;
  const jobs = Array.from({ length: total }, (_, n) => {
    const mutation = { type: 'add-message', mailbox: inbox(n), message: packMessage(message(n)), flags: [] };
    return packJob({ kind: 'commit', commit: commitOf(account(n), mutation as never) as never });
  });
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let at = 0; at < total; at += groupSize) {
    const group = jobs.slice(at, at + groupSize).map((job) => unpackJob(job));
    for (let done = 0; done < group.length; ) done += runner.run(group.slice(done)).taken;
    if (at % 2_000 === 0) db.checkpoint('PASSIVE');
  }
  report(`4 KB messages, groups of ${groupSize}`, total, began);
  const { user, system } = process.cpuUsage(cpu);
  console.log(`store  ${''.padEnd(44)} ${((user + system) / total).toFixed(1).padStart(10)} µs of CPU each`);
  db.close();
  rmSync(data, { recursive: true });
}

async function whole(): Promise<void> {
  const data = folder();
  const log = silentLog;
  const writer = await openShardWriter({ data, shard: 0, log, clock: systemClock, collectEvery: 0 });
  const store = openMailStore({
    data,
    shards: 1,
    locate: async () => 0,
    log,
    clock: systemClock,
    writers: () => writer,
  });
  for (let n = 0; n < ACCOUNTS; n++) await store.commit(create(n));
  for (const inFlight of [1, 20, 100]) {
    await deliver(
      store,
      inFlight === 1 ? 2_000 : 10_000,
      inFlight,
      (n) => n,
      `through the store, ${inFlight} in flight`,
    );
  }
  await deliver(store, 100_000, 200, () => 0, 'into one mailbox, 200 in flight');
  await reads(store);
  await store.close();
  await writer.close();
  rmSync(data, { recursive: true });
}

async function deliver(store: MailStore, total: number, inFlight: number, to: (n: number) => number, name: string) {
  const made = Array.from({ length: 1_000 }, (_, n) => message(n));
  const began = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) {
      const n = next++;
      const one = made[n % made.length]!;
      const body = { ...one.body, id: newId('body', systemRandom) };
      const fresh = { ...one, id: newId('message', systemRandom), body };
      const add: Mutation = { type: 'add-message', mailbox: inbox(to(n)), message: fresh, flags: [] };
      const answer = await store.commit(commitOf(account(to(n)), add));
      if (!answer.ok) throw new Error(answer.text);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  report(name, total, began);
}

async function reads(store: MailStore): Promise<void> {
  const access = { owner: account(0), viewer: account(0) };
  const mailbox = inbox(0);
  let began = performance.now();
  const { uids } = await store.snapshot(access, mailbox);
  report(`snapshot of ${uids.length}`, uids.length, began, 'rows a second');
  const fetches: readonly Columns[] = [
    {},
    { envelope: true },
    { envelope: true, bodystructure: true },
    { headers: true, preview: true },
    { content: true },
  ];
  for (const columns of fetches) {
    began = performance.now();
    let count = 0;
    for await (const rows of store.messages(access, mailbox, ALL, columns)) count += rows.length;
    report(`fetch ${Object.keys(columns).join(' + ') || 'no columns'}`, count, began, 'rows a second');
  }
  const flag = async (flags: string[]): Promise<void> => {
    began = performance.now();
    const store1: Mutation = { type: 'set-flags', mailbox, uids: ALL, change: 'add', flags };
    await store.commit(commitOf(access.owner, store1));
    report(`set-flags ${flags.join(' ')}`, uids.length, began, 'rows a second');
  };
  await flag(['\\Seen']);
  await flag(['\\Flagged', 'word']);
  began = performance.now();
  const delta = await store.delta(access, mailbox, 1);
  report('delta of all', delta.changed.uids.length, began, 'rows a second');
  began = performance.now();
  await store.search(access, mailbox, { key: 'subject', text: 'number 77' });
  report('search subject', uids.length, began, 'rows a second');
  began = performance.now();
  await store.commit(commitOf(access.owner, { type: 'expunge', mailbox, onlyDeleted: false }));
  report('expunge all', uids.length, began, 'rows a second');
}
