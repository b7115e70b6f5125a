/** The handler behind a server of node:http: bounds, counting, and what is served without TLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { FakeClock } from '#test/support/clock.ts';
import { EVERYTHING, offering } from '#test/support/setup-config.ts';
import type { Exchange } from '../http/exchange.ts';
import { createSetupHandler } from './handler.ts';

function handler(exemptNetworks: readonly string[]) {
  const clock = new FakeClock();
  return createSetupHandler({
    config: offering(EVERYTHING),
    isLocalDomain: async (domain) => domain === 'example.org',
    now: () => clock.now(),
    coordination: new LocalCoordination(clock),
    exemptNetworks,
    signProfile: (profile) => (profile.includes('unsigned@') ? undefined : Buffer.from('signed')),
  });
}

const exchange = (path: string, query = ''): Exchange => ({
  id: 'x',
  remote: '192.0.2.1',
  secure: true,
  https: true,
  host: 'autoconfig.example.org',
  path,
  query,
});

async function serve(t: TestContext, exemptNetworks: readonly string[] = []): Promise<string> {
  const setup = handler(exemptNetworks);
  const server = createServer((request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    void setup.handle(request, response, exchange(path, query));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const CONFIG = '/mail/config-v1.1.xml';
const AUTODISCOVER = '/autodiscover/autodiscover.xml';

test('only Autoconfig is served in the clear, and Autodiscover’s way to https', () => {
  const setup = handler([]);
  for (const [path, clear] of [
    [CONFIG, 'serve'],
    ['/.well-known/autoconfig/mail/config-v1.1.xml', 'serve'],
    [AUTODISCOVER, 'serve'],
    ['/autodiscover/autodiscover.json', 'redirect'],
    ['/setup/mobileconfig', 'redirect'],
    ['/.well-known/user-agent-configuration.json', 'redirect'],
  ] as const) {
    assert.ok(setup.wants(exchange(path), 'GET'));
    assert.equal(setup.inClear(exchange(path)), clear);
  }
  assert.ok(!setup.wants(exchange('/api/v1/account'), 'GET'));
});

test('GET, HEAD and POST are answered; a body beyond the bound is not read', async (t) => {
  const at = await serve(t);
  const got = await fetch(`${at}${CONFIG}`);
  assert.equal(got.status, 200);
  const text = await got.text();
  const head = await fetch(`${at}${CONFIG}`, { method: 'HEAD' });
  assert.equal(Number(head.headers.get('content-length')), Buffer.byteLength(text));
  const body = '<EMailAddress>a@example.org</EMailAddress>';
  const posted = await fetch(`${at}${AUTODISCOVER}`, { method: 'POST', body });
  assert.match(await posted.text(), /<LoginName>a@example\.org<\/LoginName>/);
  const large = await fetch(`${at}${AUTODISCOVER}`, { method: 'POST', body: body.padEnd(20_000) });
  assert.equal(large.status, 413);
});

test('a profile is sent signed where it can be', async (t) => {
  const at = await serve(t);
  const profile = async (address: string) => await (await fetch(`${at}/setup/mobileconfig?address=${address}`)).text();
  assert.equal(await profile('a@example.org'), 'signed');
  assert.match(await profile('unsigned@example.org'), /^<\?xml /);
});

test('more than some hundreds of requests a minute from one network are refused, except from exempt ones', async (t) => {
  for (const [exempt, expected] of [
    [[], 429],
    [['192.0.2.0/24'], 200],
  ] as const) {
    const at = await serve(t, exempt);
    const statuses: number[] = [];
    let retryAfter: string | null = null;
    for (let i = 0; i < 301; i++) {
      const response = await fetch(`${at}${CONFIG}`, { method: 'HEAD' });
      statuses.push(response.status);
      retryAfter = response.headers.get('retry-after');
    }
    assert.deepEqual([statuses[299], statuses[300]], [200, expected]);
    assert.equal(retryAfter, expected === 429 ? '60' : null);
  }
});
