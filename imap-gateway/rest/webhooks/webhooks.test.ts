import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { systemClock } from '#runtime/system.ts';
import { settle } from '#test/support/clock.ts';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { deliver, letter } from '../mail/mail.testkit.ts';
import { lead } from '../sending/leader.ts';
import { checkUrl, guardedLookup, mayReach } from './destination.ts';
import { Dispatcher } from './dispatcher.ts';
import { Lanes } from './lanes.ts';
import { type Post, type Posted, poster } from './post.ts';
import { keyOf, newSecret, signedHeaders } from './signature.ts';

interface Arrived {
  readonly url: string;
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  readonly body: any;
}

interface Hooks extends RestWorld {
  readonly arrived: Arrived[];
  answer(url: string, posted: Partial<Posted> | 'hang'): void;
  hook(body?: object): Promise<{ id: string; secret: string }>;
  work(ms?: number): Promise<void>;
  restart(kill?: boolean): Promise<void>;
}

const URL_A = 'https://a.test/hook';

async function hooks(t: TestContext, lanes = new Lanes()): Promise<Hooks> {
  const world = await restWorld();
  const { store, clock } = world;
  const { random, log, coordination, views } = world.services;
  const arrived: Arrived[] = [];
  const answers = new Map<string, Partial<Posted> | 'hang'>();
  const post: Post = async (url, headers, body, signal) => {
    arrived.push({ url, id: headers['webhook-id']!, headers, body: JSON.parse(body) });
    const answer = answers.get(url) ?? { status: 200 };
    if (answer !== 'hang') return { milliseconds: 1, ...answer };
    await new Promise<void>((resolve) => {
      clock.after(20_000, resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    return { error: 'no answer', milliseconds: 20_000 };
  };
  const isOpen = async (id: string): Promise<boolean> => (await world.directory.account(id))?.suspended !== true;
  let stop = new AbortController();
  let leading: Promise<void>;
  const start = (): void => {
    stop = new AbortController();
    const duties = () => [new Dispatcher({ store, views, clock, random, log, post, lanes, isOpen })];
    leading = lead({ store, coordination, clock, log, signal: stop.signal, duties });
  };
  start();
  const work = async (ms = 1_500): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      await settle();
      await clock.advance(Math.min(left, 500));
    }
    await settle();
  };
  t.after(async () => {
    stop.abort();
    await work(25_000);
    await leading;
    await world.close();
  });
  return {
    ...world,
    arrived,
    work,
    answer: (url, posted) => void answers.set(url, posted),
    async hook(body = {}) {
      const made = await world.ask(world.alice, 'POST', '/webhooks', {
        body: { url: URL_A, events: ['message'], ...body },
      });
      assert.equal(made.status, 201, made.text);
      await work();
      return made.json;
    },
    async restart() {
      stop.abort();
      await leading;
      start();
      await work();
    },
  };
}

const subjects = (arrived: readonly Arrived[]): string[] => arrived.map(({ body }) => body.data.messages?.[0].subject);

test('an event is posted once, signed as Standard Webhooks has it', async (t) => {
  const on = await hooks(t);
  const { id, secret } = await on.hook();
  await deliver(on, on.alice, letter('One'));
  await deliver(on, on.bob, letter('Not hers'));
  await on.work();
  assert.deepEqual(subjects(on.arrived), ['One']);
  const [one] = on.arrived;
  assert.deepEqual([one!.body.type, Object.keys(one!.body)], ['message.added', ['type', 'timestamp', 'data']]);
  const signed = `${one!.id}.${one!.headers['webhook-timestamp']}.${JSON.stringify(one!.body)}`;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  assert.equal(one!.headers['webhook-signature'], `v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  const { items } = (await on.ask(on.alice, 'GET', `/webhooks/${id}/deliveries`)).json;
  assert.deepEqual([items[0].id, items[0].ok, items[0].status, items[0].attempt], [one!.id, true, 200, 1]);
  await on.restart();
  assert.equal(on.arrived.length, 1, 'the next worker knows it');
  assert.equal((await on.ask(on.alice, 'GET', '/webhooks')).text.includes(secret), false, 'the secret is shown once');
});

test('the signature is that of the published example', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const headers = signedHeaders(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_000, '{"test": 2432232314}');
  assert.equal(headers['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  assert.throws(() => keyOf('whsec_short'), { failure: 'bad-request' });
  assert.equal(keyOf(newSecret({ bytes: (n) => new Uint8Array(n), fraction: () => 0 })).length, 32);
});

test('what fails is tried again under the same id, and delays nothing else of the same receiver', async (t) => {
  const on = await hooks(t);
  await on.hook();
  on.answer(URL_A, { status: 503 });
  await deliver(on, on.alice, letter('First'));
  await on.work();
  on.answer(URL_A, { status: 200 });
  await deliver(on, on.alice, letter('Second'));
  await on.work();
  assert.deepEqual(subjects(on.arrived), ['First', 'Second']);
  await on.restart();
  await on.work(6_000);
  assert.deepEqual(subjects(on.arrived), ['First', 'Second', 'First']);
  assert.equal(on.arrived[2]!.id, on.arrived[0]!.id);
  await on.work(60_000);
  assert.equal(on.arrived.length, 3);
});

test('five failures open the breaker; a success closes it, and all that waited is posted', async (t) => {
  const on = await hooks(t);
  const { id } = await on.hook();
  on.answer(URL_A, { error: 'ECONNREFUSED' });
  for (let i = 0; i < 30; i++) await deliver(on, on.alice, letter(`Number ${i}`));
  await on.work(3_000);
  assert.equal(on.arrived.length, 5, 'nothing new after the fifth');
  const state = (await on.ask(on.alice, 'GET', `/webhooks/${id}`)).json;
  assert.deepEqual([state.state, state.reason, state.waiting], ['failing', 'ECONNREFUSED', 5]);
  on.answer(URL_A, { status: 204 });
  await on.work(40_000);
  const taken = new Set(on.arrived.slice(5).map((one) => one.body.data.messages[0].subject));
  assert.equal(taken.size, 30, 'nothing is lost');
  assert.equal((await on.ask(on.alice, 'GET', `/webhooks/${id}`)).json.state, 'good');
});

test('after a day without an answer it is given up, and said where to read again', async (t) => {
  const on = await hooks(t);
  const { id } = await on.hook();
  on.answer(URL_A, { status: 500 });
  for (let i = 0; i < 10; i++) await deliver(on, on.alice, letter(`Number ${i}`));
  await on.work(2_000);
  for (let i = 0; i < 30; i++) {
    await on.clock.advance(3_600_000);
    await settle();
  }
  const before = on.arrived.length;
  assert.ok(before < 120, `${before} attempts`);
  on.answer(URL_A, { status: 200 });
  await on.clock.advance(3_600_000);
  await on.work();
  const notice = on.arrived.slice(before).find(({ body }) => body.type === 'webhook.dropped');
  assert.ok(notice, 'it is told');
  const { modseq } = await on.store.accountState(on.alice.access);
  assert.ok(
    notice.body.data.count >= 5 &&
      notice.body.data.lastEventId < notice.body.data.until &&
      notice.body.data.until <= modseq,
  );
  await deliver(on, on.alice, letter('Back'));
  await on.work();
  assert.equal(subjects(on.arrived).at(-1), 'Back');
  on.answer(URL_A, { status: 410 });
  await deliver(on, on.alice, letter('Gone'));
  await on.work();
  const gone = (await on.ask(on.alice, 'GET', `/webhooks/${id}`)).json;
  assert.deepEqual([gone.enabled, gone.state], [false, 'disabled']);
  on.answer(URL_A, { status: 200 });
  await on.ask(on.alice, 'PATCH', `/webhooks/${id}`, { body: { enabled: true } });
  await on.work();
  await deliver(on, on.alice, letter('Again'));
  await on.work();
  assert.equal(subjects(on.arrived).at(-1), 'Again');
});

test('an endpoint that hangs delays nobody else', async (t) => {
  const on = await hooks(t, new Lanes(1, 1));
  await on.hook({ url: 'https://hangs.test/' });
  on.answer('https://hangs.test/', 'hang');
  await deliver(on, on.alice, letter('Zero'));
  await on.work(25_000);
  await on.hook({ url: URL_A });
  for (let i = 0; i < 5; i++) {
    await deliver(on, on.alice, letter(`Number ${i}`));
    await on.work(500);
  }
  assert.equal(on.arrived.filter(({ url }) => url === URL_A).length, 5);
});

test('what was under way when the worker stopped is posted by the next one', async (t) => {
  const on = await hooks(t);
  await on.hook();
  on.answer(URL_A, 'hang');
  await deliver(on, on.alice, letter('Cut off'));
  await on.work();
  on.answer(URL_A, { status: 200 });
  await on.restart();
  await on.work();
  assert.deepEqual(subjects(on.arrived), ['Cut off', 'Cut off']);
  assert.equal(on.arrived[0]!.id, on.arrived[1]!.id);
});

test('made, changed, deleted by their owner alone; limits', async (t) => {
  const on = await hooks(t);
  const { id } = await on.hook();
  for (const path of ['', '/deliveries'])
    assert.equal((await on.ask(on.bob, 'GET', `/webhooks/${id}${path}`)).status, 404);
  assert.equal((await on.ask(on.bob, 'DELETE', `/webhooks/${id}`)).status, 404);
  for (const url of [
    'http://a.test/',
    'https://127.0.0.1/',
    'https://[::ffff:10.0.0.1]/',
    'ftp://a.test/',
    'https://u:p@a.test/',
    'x',
    'https://2130706433/',
  ]) {
    assert.equal((await on.ask(on.alice, 'POST', '/webhooks', { body: { url } })).status, 403, url);
  }
  const plain = await on.ask(on.alice, 'POST', '/webhooks', { body: { url: 'http://a.test/' } });
  assert.match(String(plain.json.detail), /webhook-networks/);
  assert.equal((await on.ask(on.alice, 'POST', '/webhooks', { body: { url: URL_A, secret: 'x' } })).status, 400);
  const mail = await on.token({ account: on.alice.id, scopes: ['mail:write', 'send'] });
  assert.equal((await on.ask(mail, 'GET', '/webhooks')).status, 403);
  const changed = await on.ask(on.alice, 'PATCH', `/webhooks/${id}`, {
    body: { events: ['mailbox'], description: 'x' },
  });
  assert.deepEqual([changed.json.events, changed.json.description], [['mailbox'], 'x']);
  await on.work();
  await deliver(on, on.alice, letter('Not wanted any more'));
  await on.work();
  assert.deepEqual(on.arrived, []);
  assert.equal((await on.ask(on.alice, 'DELETE', `/webhooks/${id}`)).status, 204);
  await on.work();
  assert.deepEqual(await on.store.outbox(on.alice.id), []);
  for (let i = 0; i < 20; i++) await on.ask(on.alice, 'POST', '/webhooks', { body: { url: URL_A } });
  assert.equal((await on.ask(on.alice, 'POST', '/webhooks', { body: { url: URL_A } })).status, 429);
});

test('made at the same moment there are no more than may be, and none without its standing row', async (t) => {
  const on = await hooks(t);
  const make = () => on.ask(on.alice, 'POST', '/webhooks', { body: { url: URL_A } });
  const first = (await make()).json.id;
  const [removed, second] = await Promise.all([on.ask(on.alice, 'DELETE', `/webhooks/${first}`), make()]);
  assert.deepEqual([removed.status, second.status], [204, 201]);
  assert.deepEqual(
    (await on.store.outbox(on.alice.id)).map(({ kind }) => kind),
    ['webhooks'],
  );
  const statuses = (await Promise.all(Array.from({ length: 25 }, make))).map(({ status }) => status);
  assert.deepEqual(
    [201, 429].map((status) => statuses.filter((one) => one === status).length),
    [19, 6],
  );
  assert.equal((await on.ask(on.alice, 'GET', '/webhooks')).json.items.length, 20);
});

test('a test post stands among the deliveries, as one', async (t) => {
  const on = await restWorld({ config: '[rest]\nwebhook-networks = ["127.0.0.0/8"]' });
  t.after(() => on.close());
  const { id } = (await on.ask(on.alice, 'POST', '/webhooks', { body: { url: 'http://127.0.0.1:1/' } })).json;
  const tested = await on.ask(on.alice, 'POST', `/webhooks/${id}/test`);
  assert.deepEqual([tested.status, tested.json.type, tested.json.test], [200, 'webhook.test', true]);
  const { items } = (await on.ask(on.alice, 'GET', `/webhooks/${id}/deliveries`)).json;
  assert.deepEqual(items, [tested.json]);
  await on.ask(on.alice, 'DELETE', `/webhooks/${id}`);
  assert.equal(await on.store.record(on.alice.access, 'webhook-tests', id), undefined);
});

test('only addresses that everybody may reach', () => {
  for (const good of ['93.184.216.34', '2606:2800:220:1::1']) assert.equal(mayReach(good, []), true, good);
  const bad = [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '64:ff9b::a00:1',
    '2002:7f00:1::',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
    'name',
  ];
  for (const one of bad) assert.equal(mayReach(one, []), false, one);
  assert.equal(mayReach('10.1.2.3', ['10.1.0.0/16']), true);
  assert.equal(checkUrl('http://127.0.0.1:80/x', ['127.0.0.0/8']).pathname, '/x');
  assert.throws(() => checkUrl('http://10.1.2.3/', ['10.0.0.0/8']), { failure: 'not-permitted' });
});

test('a name is checked where it leads when it is connected to', async () => {
  const answers = [
    { address: '10.0.0.1', family: 4 },
    { address: '93.184.216.34', family: 4 },
  ];
  const system = ((_: string, __: object, done: (e: null, found: typeof answers) => void) =>
    done(null, answers)) as never;
  const ask = (allowed: string[], all: boolean) =>
    new Promise((resolve) =>
      guardedLookup(allowed, system)('x.test', { all }, (error, address) => resolve(error?.message ?? address)),
    );
  assert.equal(await ask([], false), '93.184.216.34');
  assert.deepEqual(await ask(['10.0.0.0/8'], true), answers);
  answers.pop();
  assert.match(String(await ask([], true)), /may be reached/);
});

test('a POST: answers, redirects, endless answers, silence', async (t) => {
  const handlers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    '/ok': (_, response) => response.writeHead(204).end(),
    '/moved': (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    '/endless': (_, response) => {
      response.writeHead(200);
      const more = (): void => {
        if (response.destroyed) return;
        response.write('x'.repeat(65_536));
        setImmediate(more);
      };
      more();
    },
    '/silent': () => undefined,
  };
  const server = createServer((request, response) => handlers[request.url!]!(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = poster({ clock: systemClock, allowed: () => ['127.0.0.0/8'], timeout: 300 });
  const statuses = await Promise.all(
    ['/ok', '/moved', '/endless'].map(async (path) => (await post(base + path, {}, '{}')).status),
  );
  assert.deepEqual(statuses, [204, 302, 200]);
  assert.match((await post(`${base}/silent`, {}, '{}')).error!, /no answer/);
  const strict = poster({ clock: systemClock, allowed: () => [] });
  assert.match((await strict(`${base}/ok`, {}, '{}')).error!, /https/);
});

test('nothing leaves a suspended account, and nothing is lost', async (t) => {
  const on = await hooks(t);
  await on.hook();
  await on.directory.change({ type: 'suspend-account', id: on.alice.id, suspended: true });
  await deliver(on, on.alice, letter('Meanwhile'));
  await on.work(60_000);
  assert.deepEqual(on.arrived, []);
  await on.directory.change({ type: 'suspend-account', id: on.alice.id, suspended: false });
  await on.work(60_000);
  assert.deepEqual(subjects(on.arrived), ['Meanwhile']);
});

test('a store that can not be read for a moment stops no webhook', async (t) => {
  const on = await hooks(t);
  await on.hook();
  const outbox = on.store.outbox.bind(on.store);
  on.store.outbox = async () => {
    throw new MailError('unavailable', 'not now');
  };
  await on.restart();
  await deliver(on, on.alice, letter('Meanwhile'));
  await on.work();
  assert.deepEqual(subjects(on.arrived), []);
  on.store.outbox = outbox;
  await on.work(6_000);
  assert.deepEqual(subjects(on.arrived), ['Meanwhile']);
});
