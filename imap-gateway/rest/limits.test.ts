import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { FakeClock } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { restWorld } from '#test/support/rest.ts';
import type { Exchange } from '../http/exchange.ts';
import { rateLimit } from './limits.ts';

const from = (remote: string): Exchange => ({ remote }) as Exchange;

test('who asks too often hears 429 and when to come back, others go on', async () => {
  const world = await restWorld({ config: '[rest]\nrequests-per-minute = 5\ntrusted-proxies = ["127.0.0.1"]' });
  const ask = (user: typeof world.alice, far = '192.0.2.1') =>
    world.ask(user, 'GET', '/session', { headers: { 'x-forwarded-for': far, 'x-forwarded-proto': 'https' } });
  for (let i = 0; i < 5; i++) assert.equal((await ask(world.alice)).status, 200);
  const refused = await ask(world.alice, '198.51.100.1');
  assert.deepEqual([refused.status, refused.json.code, refused.headers['retry-after']], [429, 'limit-exceeded', '15']);
  assert.equal((await ask(world.bob)).status, 200);
  // This host is among the exempt networks.
  assert.equal((await world.ask(world.alice, 'GET', '/session')).status, 200);
  await world.clock.advance(120_000);
  assert.equal((await ask(world.alice)).status, 200);
  await world.close();
});

test('workers count together, and ask for it less often than they count', async () => {
  const clock = new FakeClock();
  const shared = new LocalCoordination(clock);
  let asked = 0;
  const coordination = {
    count: (...args: Parameters<LocalCoordination['count']>) => {
      asked++;
      return shared.count(...args);
    },
  } as unknown as LocalCoordination;
  const config = { limits: { exemptNetworks: [] }, rest: { requestsPerMinute: 1000 } } as never;
  const workers = [1, 2].map(() => rateLimit({ config, coordination, clock, log: silentLog }));
  let passed = 0;
  let refused = 0;
  for (let i = 0; i < 1200; i++) {
    await workers[i % 2]?.(from('192.0.2.1'), undefined).then(
      () => passed++,
      () => refused++,
    );
  }
  assert.ok(passed >= 1000 && passed <= 1040, `${passed} passed`);
  assert.equal(passed + refused, 1200);
  assert.ok(asked < 350, `${asked} questions`);
});

test('where the counters can not be asked, nobody is turned away', async () => {
  const coordination = { count: () => Promise.reject(new Error('gone')) } as unknown as LocalCoordination;
  const config = { limits: { exemptNetworks: [] }, rest: { requestsPerMinute: 1 } } as never;
  const limit = rateLimit({ config, coordination, clock: new FakeClock(), log: silentLog });
  for (let i = 0; i < 3; i++) await limit(from('192.0.2.1'), undefined);
});
