import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { random, sketch } from '#test/contract/fixtures.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import { type Database, openDatabase } from './database.ts';
import { GroupRunner } from './group.ts';
import { addGroup } from './groups.ts';
import type { Job } from './job.ts';
import { type Entry, Lookups } from './lookups.ts';
import { packMessage } from './pack.ts';
import { SCHEMA } from './schema.ts';

function open(t: TestContext): Database {
  const db = openDatabase(`${temporaryFolder(t)}/shard.sqlite`, { migrations: SCHEMA });
  t.after(() => db.close());
  return db;
}

const NAMES = ['cone', 'mtwo', 'tthree', 'cfour'];
const ENTRIES: readonly Entry[] = [
  ['cone', 1],
  ['mtwo', 70],
  ['tthree', 'thread'],
];

function group(db: Database, seq: number, n: number, entries: readonly Entry[]): void {
  addGroup(db, seq, 0, [{ account: `a${n}`, modseq: 1, types: [], n, id: 'x', results: [], entries }]);
}

test('what was added is found: in memory, on its way, in the table, after a restart', (t) => {
  const db = open(t);
  const expected = [[1], [70], ['thread'], []];
  let lookups = new Lookups(db);
  for (const n of [1, 2]) {
    group(db, n, n, ENTRIES);
    lookups.add(n, ENTRIES);
  }
  lookups.settled();
  const check = (): void => {
    for (const n of [1, 2]) assert.deepEqual(lookups.find(n, NAMES), expected);
    assert.deepEqual(lookups.find(3, NAMES), [[], [], [], []]);
  };
  check();
  lookups = new Lookups(db);
  check();
  for (let more = true; more; ) {
    more = lookups.move(1, 2, true);
    lookups.settled();
    check();
    lookups = more ? lookups : new Lookups(db);
    check();
  }
  assert.equal(lookups.waiting, false);
  assert.equal(db.arrays('SELECT count(*) FROM lookups').get()?.[0 as never], 6);
  lookups.drop(1, 'mtwo', 70);
  assert.deepEqual(lookups.find(1, NAMES), [[1], [], ['thread'], []]);
});

test('a restart in the middle of moving begins again', (t) => {
  const db = open(t);
  const lookups = new Lookups(db);
  group(db, 1, 1, ENTRIES);
  lookups.add(1, ENTRIES);
  lookups.settled();
  assert.equal(lookups.move(2, 1, true), true);
  const next = new Lookups(db);
  assert.equal(next.waiting, true);
  assert.equal(next.move(100, 1, true), false);
  next.settled();
  assert.equal(db.arrays('SELECT count(*) FROM lookups').get()?.[0 as never], 3);
});

test('what was rolled back is not found, and what it hid is', (t) => {
  const lookups = new Lookups(open(t));
  lookups.add(1, [['mtwo', 7]]);
  lookups.settled();
  lookups.add(1, [
    ['mtwo', 8],
    ['cone', 5],
  ]);
  assert.deepEqual(lookups.find(1, NAMES), [[5], [8], [], []]);
  lookups.reverted();
  assert.deepEqual(lookups.find(1, NAMES), [[], [7], [], []]);
});

test('commits are known, messages are one and threads are kept, however far the entries have moved', (t) => {
  const db = open(t);
  const start = (): GroupRunner => new GroupRunner(db, { random, now: () => 0, log: silentLog });
  const create = { type: 'create-account', mailboxes: [{ id: 'inbox', name: 'INBOX' }] };
  const message = packMessage(sketch({ messageId: 'first@x' }).message);
  const add = { type: 'add-message', mailbox: 'inbox', flags: [], message };
  const reply = { ...add, message: packMessage(sketch({ inReplyTo: ['first@x'] }).message) };
  const run = (runner: GroupRunner, id: string, ...mutations: unknown[]) => {
    const job = { kind: 'commit', commit: { owner: 'alice', actor: 'alice', id, mutations } } as Job;
    const [answer] = runner.run([job]).answers;
    assert.ok(answer && 'ok' in answer && answer.ok, JSON.stringify(answer));
    return answer;
  };
  let runner = start();
  run(runner, '0', create);
  const first = run(runner, '1', add);
  for (const move of [() => undefined, () => runner.tidy(), () => (runner = start())]) {
    move();
    const again = run(runner, '1', add);
    assert.deepEqual(again, { ...first, repeated: true });
    const more = run(runner, `more ${runner.seq}`, add);
    assert.ok(more.results[0]?.type === 'add-message' && first.results[0]?.type === 'add-message');
    assert.equal(more.results[0].message, first.results[0].message);
    const answer = run(runner, `reply ${runner.seq}`, reply);
    assert.ok(answer.results[0]?.type === 'add-message');
    assert.equal(answer.results[0].thread, first.results[0].thread);
  }
  assert.equal(db.arrays('SELECT count(*) FROM messages').get()?.[0 as never], 2);
  assert.equal(db.arrays('SELECT count(*) FROM more').get()?.[0 as never], 5);
});
