/** When all is quiet: what the ledger says of losses, doubles and bounces, and what lies in the data folder that should not. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { systemClock } from '#runtime/system.ts';
import { openDatabase } from '#store/sqlite/database.ts';
import { DIRECTORY_MIGRATIONS, directoryFile } from '#store/sqlite/directory-rows.ts';
import { segmentFolder, shardFile } from '#store/sqlite/paths.ts';
import { QUEUE_MIGRATIONS, queueFile } from '#store/sqlite/queue-rows.ts';
import { SCHEMA } from '#store/sqlite/schema.ts';
import { openShardWriter } from '#store/sqlite/writer.ts';
import { silentLog } from '#test/support/log.ts';
import type { Fate, Sent } from './ledger.ts';
import type { Death } from './tree.ts';

export interface Outcome {
  answered: number;
  delivered: number;
  lost: string[];
  /** Copies that a sender caused who never read our answer, and that a dead MTA caused who never wrote down theirs (RFC 1047). */
  doubledBySender: number;
  doubledByRelay: number;
  reports: number;
  /** Not delivered in time on a machine that was too slow, and reported. */
  expired: number;
}

/** Throws when mail is doubled, bounced or reported without cause; losses are gathered, so that all of them are seen. */
export function judgeMail(all: readonly Sent[], deaths: readonly Death[], into: Outcome): void {
  for (const sent of all) for (const [who, fate] of sent.to) judge(sent, who, fate, deaths, into);
}

function judge(sent: Sent, who: string, fate: Fate, deaths: readonly Death[], into: Outcome): void {
  const copies = sent.copies.get(who) ?? [];
  const failures = sent.failures.get(who) ?? 0;
  const name = `${sent.id} for ${who}`;
  const tries = sent.unsure + (sent.answered.has(who) ? 1 : 0);
  if (sent.answered.has(who)) into.answered++;
  into.delivered += copies.length;
  into.reports += failures + (sent.delays.get(who) ?? 0);
  const delivered = fate === 'local' || fate === 'take' || fate === 'later';
  if (!delivered) {
    assert.equal(copies.length, 0, name);
    if (sent.answered.has(who) && failures === 0 && !sent.dropped) into.lost.push(`${name} (its report)`);
    assert.ok(failures <= tries, `${name}: ${failures} reports of failure for ${tries} tries`);
    assert.ok((sent.delays.get(who) ?? 0) <= tries, `${name}: too many notices of delay`);
    return;
  }
  if (sent.expired.has(who) && copies.length === 0) {
    into.expired++;
    return;
  }
  assert.equal(failures, 0, `${name} was delivered ${copies.length} times and bounced`);
  if (sent.answered.has(who) && copies.length === 0) into.lost.push(name);
  const extra = Math.max(0, copies.length - Math.max(1, tries));
  into.doubledBySender += Math.max(0, copies.length - 1 - extra);
  if (extra === 0) return;
  // RFC 1047: each life of an MTA may send what the one before had sent and not written down, once for each time that it was taken.
  const most = mostInOneLife(copies, deaths);
  assert.ok(
    fate !== 'local' && most <= Math.max(1, tries),
    `${name}: ${copies.length} copies for ${tries} tries, ${most} of them without a death between`,
  );
  into.doubledByRelay += extra;
}

/** The longest row of copies between which no MTA died. */
function mostInOneLife(copies: readonly number[], deaths: readonly Death[]): number {
  let [most, row] = [0, 0];
  for (const [i, at] of copies.entries()) {
    row = i > 0 && diedBetween(deaths, copies[i - 1] as number, at) ? 1 : row + 1;
    most = Math.max(most, row);
  }
  return most;
}

const diedBetween = (deaths: readonly Death[], from: number, to: number): boolean =>
  deaths.some(({ program, at }) => program === 'mta' && at >= from - 50 && at <= to + 50);

const STAY = [
  /^peerpost\.toml$/,
  /^(directory|queue|shard-\d+)\.(sqlite|lease)$/,
  /^run\/(mta|mda|imap-gateway)\.lock$/,
  // Compiled code, Node's own.
  /^run\/code\//,
  /^segments\/\d+\/[A-Za-z0-9_-]+\.seg$/,
  /^tls\/[\w.-]+$/,
];

/** Nothing lies about in a stopped peer: no spool file, no content of a queue, no socket, no log, no segment in which nothing lives. */
export async function judgeFolder(data: string, shards: number): Promise<void> {
  for (let shard = 0; shard < shards; shard++) await judgeShard(data, shard);
  judgeDatabase(directoryFile(data), DIRECTORY_MIGRATIONS);
  judgeDatabase(queueFile(data), QUEUE_MIGRATIONS);
  const files = readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(data, join(entry.parentPath, entry.name)));
  assert.deepEqual(
    files.filter((file) => !STAY.some((pattern) => pattern.test(file))),
    [],
    'files left over',
  );
}

function judgeDatabase(path: string, migrations: readonly string[]): void {
  const db = openDatabase(path, { migrations });
  assert.deepEqual(db.arrays('PRAGMA integrity_check').all(), [['ok']], path);
  db.close();
}

async function judgeShard(data: string, shard: number): Promise<void> {
  // Days later: what no commit has named by then is garbage, and a segment in which nothing lives goes after its time of grace.
  let days = 2;
  const clock = { ...systemClock, now: () => Date.now() + days * 86_400_000 };
  const retention = { staged: -3 * 86_400_000 };
  const writer = await openShardWriter({ data, shard, log: silentLog, clock, retention, collectEvery: 0 });
  await writer.collect();
  days += 2;
  await writer.collect();
  await writer.close();
  const db = openDatabase(shardFile(data, shard), { migrations: SCHEMA });
  assert.deepEqual(db.arrays('PRAGMA integrity_check').all(), [['ok']], `shard ${shard}`);
  const known = db.arrays('SELECT id FROM segments WHERE dead < bytes').all() as unknown as [string][];
  const unnamed = db.arrays('SELECT count(*) FROM bodies WHERE refs = 0').get() as unknown as [number];
  db.close();
  assert.equal(unnamed[0], 0, 'bodies that nobody names');
  const folder = segmentFolder(data, shard);
  const found = existsSync(folder) ? readdirSync(folder) : [];
  assert.deepEqual(found.sort(), known.map(([id]) => `${id}.seg`).sort(), `segments of shard ${shard}`);
}
