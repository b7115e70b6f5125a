import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { FakeClock, settle } from '#test/support/clock.ts';
import { Destinations } from './destinations.ts';
import { bench, entry, HOUR, MINUTE } from './scheduler.testkit.ts';

test('what is enqueued is attempted at once, by destination, and leaves the queue', async () => {
  const { clock, queue, scheduler, tried } = bench();
  scheduler.start();
  await queue.enqueue(entry(clock, 'q1', ['b@x.test', 'c@y.test', 'd@x.test']));
  await settle();
  assert.deepEqual(tried, ['q1 b,d @0', 'q1 c @0']);
  assert.equal((await queue.counts()).messages, 0);
  // Places are kept for a moment.
  await clock.advance(100);
  assert.equal(clock.pending, 0);
});

test('what was there before the start is found, and nothing is looked at while nothing is due', async () => {
  const b = bench();
  b.answer = async () => 'deferred';
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test']));
  b.scheduler.start();
  await b.clock.advance(80 * MINUTE);
  assert.deepEqual(b.tried, ['q1 b @0', 'q1 b @5', 'q1 b @20', 'q1 b @80']);
  await b.clock.advance(100);
  assert.equal(b.clock.pending, 1);
});

test('a week of trouble: one delay notice, a last try when it expires, one report of the failure', async () => {
  const b = bench();
  b.answer = async (e) => (e.reversePath === null ? 'relayed' : 'deferred');
  b.scheduler.start();
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test', 'c@x.test']));
  await b.clock.advance(7 * 24 * HOUR);
  assert.equal(b.tried.filter((t) => t.startsWith('q1')).at(-1), `q1 b,c @${24 * 60}`);
  assert.deepEqual(
    b.reports.map((text) => /^Subject: (\w+)/m.exec(text)?.[1]),
    ['Delayed', 'Undelivered'],
  );
  assert.match(b.reports[1]!, /bob|b@x\.test[\s\S]*Status: 4\.4\.7[\s\S]*c@x\.test[\s\S]*Status: 4\.4\.7/);
  assert.equal((await b.queue.counts()).messages, 0);
});

test('a refusal is reported to the sender in the same step, and a refused report is not', async () => {
  const b = bench();
  b.answer = async () => 'refused';
  b.scheduler.start();
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test']));
  await b.clock.advance(MINUTE);
  assert.equal(b.tried.length, 2, 'the message and its report');
  assert.equal(b.reports.length, 1);
  assert.equal((await b.queue.counts()).messages, 0);
});

test('recipients that end together share a report, a slow one does not hold it up', async () => {
  const b = bench();
  let release: () => void = () => undefined;
  b.answer = async (e, [first]) => {
    if (e.reversePath === null) return 'relayed';
    if (first?.address.domain === 'slow.test') await new Promise<void>((resolve) => (release = resolve));
    return 'refused';
  };
  b.scheduler.start();
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test', 'c@y.test', 'd@slow.test']));
  await b.clock.advance(MINUTE);
  assert.equal(b.reports.length, 1);
  assert.equal(b.reports[0]?.match(/Final-Recipient/g)?.length, 2);
  release();
  await b.clock.advance(MINUTE);
  assert.equal(b.reports.length, 2);
  assert.equal((await b.queue.counts()).messages, 0);
});

test('a destination gets no more than its share at a time, and others are not held up', async () => {
  const b = bench(2);
  const open: (() => void)[] = [];
  b.answer = async (_, [first]) => {
    if (first?.address.domain !== 'slow.test') return 'relayed';
    await new Promise<void>((resolve) => open.push(resolve));
    return 'relayed';
  };
  b.scheduler.start();
  for (let i = 0; i < 600; i++) await b.queue.enqueue(entry(b.clock, `s${i}`, ['b@slow.test']));
  await b.queue.enqueue(entry(b.clock, 'fast', ['b@x.test']));
  await settle();
  assert.ok(b.tried.includes('fast b @0'));
  assert.equal(open.length, 2);
  assert.ok(b.scheduler.inHand < 300, `${b.scheduler.inHand} in hand`);
  while ((await b.queue.counts()).messages > 0) {
    assert.ok(open.length <= 2, `${open.length} at a time`);
    for (const go of open.splice(0)) go();
    await settle();
  }
  assert.equal(b.tried.length, 601);
});

test('hundreds of destinations that stall leave room for one that answers', async () => {
  const b = bench(20);
  const stalled = new Map<string, number>();
  b.answer = async (_, [first]) => {
    const domain = first?.address.domain ?? '';
    if (!domain.startsWith('stall')) return 'relayed';
    stalled.set(domain, (stalled.get(domain) ?? 0) + 1);
    return await new Promise<never>(() => undefined);
  };
  for (let i = 0; i < 9_000; i++) await b.queue.enqueue(entry(b.clock, `s${i}`, [`b@stall${i % 300}.test`]));
  for (let i = 0; i < 50; i++) await b.queue.enqueue(entry(b.clock, `f${i}`, ['b@fast.test']));
  b.scheduler.start();
  await settle();
  assert.equal(b.tried.filter((line) => line.startsWith('f')).length, 50);
  assert.equal(Math.max(...stalled.values()), 5, 'who has not answered yet gets few places');
});

test('answers widen the window of a destination up to its limit, silence narrows it', async () => {
  const clock = new FakeClock();
  const destinations = new Destinations(new LocalCoordination(clock), clock, () => 20);
  const open: (() => void)[] = [];
  const work = (answered: boolean) => async () => {
    await new Promise<void>((resolve) => open.push(resolve));
    destinations.ended('x', answered);
  };
  const round = async (): Promise<number> => {
    const places = open.length;
    for (const go of open.splice(0)) go();
    await settle();
    return places;
  };
  const all = Array.from({ length: 200 }, (_, n) => destinations.run('x', work(n < 100)));
  await settle();
  const widths: number[] = [];
  while (open.length > 0) widths.push(await round());
  await Promise.all(all);
  assert.deepEqual(widths.slice(0, 4), [5, 10, 20, 20]);
  assert.equal(widths.at(-1), 1);
});

test('hold and release, retry and drop act on a running queue', async () => {
  const b = bench();
  b.answer = async () => 'deferred';
  b.scheduler.start();
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test']));
  await settle();
  await b.queue.act('retry', ['q1'], b.clock.now());
  await settle();
  assert.equal(b.tried.length, 2);
  await b.queue.act('hold', 'all', b.clock.now());
  await b.clock.advance(HOUR);
  assert.equal(b.tried.length, 2);
  await b.queue.act('release', 'all', b.clock.now());
  await settle();
  assert.equal(b.tried.length, 3);
  await b.queue.act('drop', 'all', b.clock.now());
  await b.clock.advance(24 * HOUR);
  assert.equal(b.tried.length, 3);
});

test('trouble with the queue and with attempts passes', async () => {
  const b = bench();
  let broken = 2;
  const real = b.queue.settle.bind(b.queue);
  b.queue.settle = async (...all) => {
    if (broken-- > 0) throw new Error('disk');
    return real(...all);
  };
  b.answer = async () => {
    if (b.tried.length === 1) throw new Error('unexpected');
    return 'relayed';
  };
  b.scheduler.start();
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test']));
  await b.clock.advance(10 * MINUTE);
  assert.deepEqual(b.tried, ['q1 b @0', 'q1 b @5']);
  assert.equal((await b.queue.counts()).messages, 0);
});

test('what can never be recorded is not attempted in a loop', async () => {
  const b = bench();
  b.queue.settle = () => Promise.reject(new Error('disk'));
  b.scheduler.start();
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test']));
  await b.clock.advance(10 * MINUTE);
  assert.ok(b.tried.length < 12, `${b.tried.length}`);
});

test('drain() lets go of nothing that is being tried, and begins nothing', async () => {
  const b = bench(1);
  let release: () => void = () => undefined;
  b.answer = async () => {
    await new Promise<void>((resolve) => (release = resolve));
    return 'relayed';
  };
  b.scheduler.start();
  await b.queue.enqueue(entry(b.clock, 'q1', ['b@x.test']));
  await b.queue.enqueue(entry(b.clock, 'q2', ['b@x.test']));
  await settle();
  let drained = false;
  const done = b.scheduler.drain(new AbortController().signal).then(() => {
    drained = true;
  });
  await settle();
  assert.equal(drained, false);
  release();
  await done;
  assert.deepEqual(b.tried, ['q1 b @0']);
  assert.deepEqual(
    (await b.queue.list({ limit: 9 })).map((e) => e.id),
    ['q2'],
  );
});
