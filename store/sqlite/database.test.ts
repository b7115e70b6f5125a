import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openDatabase } from './database.ts';
import { leaseHolder, takeLease, tryLease } from './lease.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'database-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const step1 = 'CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT';
const step2 = 'ALTER TABLE t ADD COLUMN c TEXT';

test('a writer brings the schema up to date, step by step', () => {
  const path = join(folder, 'x.sqlite');
  const first = openDatabase(path, { migrations: [step1] });
  first.statement('INSERT INTO t (b) VALUES (?)').run('one');
  first.close();
  assert.throws(() => openDatabase(path, { migrations: [step1, step2], readOnly: true }), { failure: 'unavailable' });
  const second = openDatabase(path, { migrations: [step1, step2] });
  assert.deepEqual(second.arrays('SELECT b, c FROM t').all(), [['one', null]]);
  second.close();
  assert.throws(() => openDatabase(path, { migrations: [step1] }), /newer version/);
});

test('a reader sees what was committed and writes nothing', () => {
  const path = join(folder, 'x.sqlite');
  assert.throws(() => openDatabase(path, { migrations: [step1], readOnly: true }), { failure: 'unavailable' });
  const writer = openDatabase(path, { migrations: [step1] });
  const reader = openDatabase(path, { migrations: [step1], readOnly: true });
  writer.transaction(() => {
    writer.exec("INSERT INTO t (b) VALUES ('one')");
    assert.equal(reader.arrays('SELECT count(*) FROM t').get()?.[0 as never], 0);
  });
  assert.throws(() =>
    writer.transaction(() => {
      writer.exec("INSERT INTO t (b) VALUES ('two')");
      throw new Error('no');
    }),
  );
  assert.deepEqual(
    reader.read(() => reader.arrays('SELECT b FROM t').all()),
    [['one']],
  );
  assert.throws(() => reader.exec("INSERT INTO t (b) VALUES ('three')"));
  assert.ok(writer.checkpoint('PASSIVE').log > 0);
  reader.close();
  writer.close();
});

test('one holder at a time, named in a file, released for the next', async () => {
  const name = join(folder, 'shard-0');
  const lease = tryLease(name, 0);
  assert.ok(lease);
  assert.equal(tryLease(name, 0), undefined);
  assert.deepEqual(leaseHolder(name), { pid: process.pid, since: '1970-01-01T00:00:00.000Z' });
  const next = takeLease(name, { now: () => 1, signal: AbortSignal.timeout(5_000), everyMs: 1 });
  lease.release();
  lease.release();
  (await next).release();
  assert.equal(leaseHolder(name), undefined);
});

test('waiting for a lease can be given up', async () => {
  const name = join(folder, 'shard-0');
  const lease = tryLease(name, 0);
  const abort = new AbortController();
  const waiting = assert.rejects(takeLease(name, { now: () => 1, signal: abort.signal }));
  abort.abort();
  await waiting;
  lease?.release();
});

test('a killed holder holds nothing', async () => {
  const name = join(folder, 'shard-0');
  const script = `import { tryLease } from ${JSON.stringify(import.meta.resolve('./lease.ts'))};
    if (tryLease(process.argv[1], 0)) console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  assert.equal(tryLease(name, 0), undefined);
  assert.equal(leaseHolder(name)?.pid, child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lease = tryLease(name, 0);
  assert.ok(lease);
  lease.release();
});

test('a statement with a LIMIT that is bound is prepared once', () => {
  const db = openDatabase(join(folder, 'x.sqlite'), {
    migrations: [step1, "INSERT INTO t (b) VALUES ('a'), ('b'), ('c')"],
  });
  const rows = (sql: string, ...bound: number[]): unknown[] => db.arrays(sql).all(...bound);
  assert.deepEqual(rows('SELECT b FROM t ORDER BY a LIMIT ?', 2), [['a'], ['b']]);
  assert.deepEqual(rows('SELECT b FROM t WHERE a > ?2 ORDER BY a LIMIT ?1', 5, 1), [['b'], ['c']]);
  assert.deepEqual(rows('DELETE FROM t WHERE a IN (SELECT a FROM t ORDER BY a LIMIT ?) RETURNING b', 1), [['a']]);
  // SQLite plans anew for each value of a LIMIT that is nothing but a parameter.
  assert.match(db.arrays('SELECT b FROM t ORDER BY a LIMIT ?').sourceSQL, /LIMIT \? \+ 0$/);
  db.close();
});
