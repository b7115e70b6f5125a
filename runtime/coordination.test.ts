import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#test/support/clock.ts';
import type { Coordination, SessionInfo } from './coordination.ts';
import { CoordinationClient } from './coordination-client.ts';
import { CoordinationService } from './coordination-service.ts';
import { LocalCoordination } from './local-coordination.ts';

const MINUTE = 60_000;
const session: SessionInfo = { id: 's1', program: 'mta', protocol: 'smtp', remote: '192.0.2.1', since: 0 };

/** Workers that reach the same coordination as over IPC. */
function workers(clock: FakeClock): { join(): { coordination: Coordination; die(): void }; local: LocalCoordination } {
  const local = new LocalCoordination(clock);
  const service = new CoordinationService(local);
  return {
    local,
    join() {
      const owner = {};
      service.ownerStarted(owner, (message) => coordination.endSession(structuredClone(message)));
      const coordination: CoordinationClient = new CoordinationClient((request) => {
        void service
          .handle(owner, structuredClone(request))
          .then((answer) => answer && coordination.answered(structuredClone(answer)));
      });
      return { coordination, die: () => service.ownerGone(owner) };
    },
  };
}

for (const [name, make] of [
  ['LocalCoordination', (clock: FakeClock): Coordination => new LocalCoordination(clock)],
  ['CoordinationClient', (clock: FakeClock): Coordination => workers(clock).join().coordination],
] as const) {
  test(`${name}: a counter empties itself over its window`, async () => {
    const clock = new FakeClock();
    const coordination = make(clock);
    assert.equal(await coordination.count('a', 1, MINUTE), 1);
    assert.equal(await coordination.count('a', 9, MINUTE), 10);
    assert.equal(await coordination.count('b', 0, MINUTE), 0);
    await clock.advance(MINUTE);
    assert.equal(await coordination.count('a', 0, MINUTE), 10, 'at the edge all of the previous window counts');
    await clock.advance(MINUTE / 2);
    assert.equal(await coordination.count('a', 0, MINUTE), 5);
    await clock.advance(MINUTE * 2);
    assert.equal(await coordination.count('a', 1, MINUTE), 1);
  });

  test(`${name}: places are limited, and given back once`, async () => {
    const coordination = make(new FakeClock());
    const first = await coordination.acquire('host', 2);
    await coordination.acquire('host', 2);
    assert.equal(await coordination.acquire('host', 2), undefined);
    assert.notEqual(await coordination.acquire('other', 1), undefined);
    first?.release();
    first?.release();
    assert.notEqual(await coordination.acquire('host', 2), undefined);
    assert.equal(await coordination.acquire('host', 2), undefined);
  });

  test(`${name}: sessions are listed while they live`, async () => {
    const coordination = make(new FakeClock());
    const lease = await coordination.session(session);
    assert.deepEqual(await coordination.sessions(), [session]);
    lease.release();
    assert.deepEqual(await coordination.sessions(), []);
  });
}

test('a session ends wherever it lives, and is told once for each registration', async () => {
  const all = workers(new FakeClock());
  const [holder, asker] = [all.join(), all.join()];
  const ended: string[] = [];
  const register = (id: string) => holder.coordination.session({ ...session, id }, () => ended.push(id));
  const [, second] = [await register('s1'), await register('s2'), await register('s3')];
  // Registered anew with a login, as listeners do, before the first registration goes.
  await holder.coordination.session({ ...session, id: 's3', login: 'a@a.test' }, () => ended.push('s3 again'));
  assert.deepEqual(await asker.coordination.disconnect(['s1', 'none', 's3']), ['s1', 's3']);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ended, ['s1', 's3', 's3 again']);
  second.release();
  assert.deepEqual(await asker.coordination.disconnect(['s2']), []);
  holder.die();
  assert.deepEqual(await asker.coordination.disconnect(['s1', 's3']), []);
});

test('what a dead process held is given back', async () => {
  const all = workers(new FakeClock());
  const dying = all.join();
  const living = all.join();
  await dying.coordination.acquire('host', 1);
  await dying.coordination.session(session);
  assert.equal(await living.coordination.acquire('host', 1), undefined);
  dying.die();
  assert.deepEqual(await living.coordination.sessions(), []);
  assert.notEqual(await living.coordination.acquire('host', 1), undefined);
  await dying.coordination.acquire('late', 1);
  assert.notEqual(await living.coordination.acquire('late', 1), undefined, 'a lease for the dead is not kept');
});

test('counters are bounded: the least recently used go first', async () => {
  const coordination = new LocalCoordination(new FakeClock(), { maxCounters: 100 });
  await coordination.count('kept', 7, MINUTE);
  for (let i = 0; i < 250; i++) {
    await coordination.count(`k${i}`, 1, MINUTE);
    await coordination.count('kept', 0, MINUTE);
  }
  assert.equal(await coordination.count('kept', 0, MINUTE), 7);
  assert.equal(await coordination.count('k0', 0, MINUTE), 0, 'forgotten');
  assert.equal(await coordination.count('k249', 0, MINUTE), 1);
});
