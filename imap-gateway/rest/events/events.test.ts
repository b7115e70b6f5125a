import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { newId } from '#store/ids.ts';
import { settle } from '#test/support/clock.ts';
import { type RestUser, type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter } from '../mail/mail.testkit.ts';
import { eventStream, HEARTBEAT } from './stream.ts';

interface Heard {
  readonly id?: number;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  readonly data: any;
}

/** Reads a stream as a browser would. */
function listen(world: RestWorld, user: RestUser, more: Partial<Parameters<typeof eventStream>[0]> = {}) {
  const stop = new AbortController();
  const stream = eventStream({
    store: world.store,
    views: world.services.views,
    clock: world.clock,
    access: user.access,
    since: undefined,
    wanted: () => true,
    mayGoOn: async () => true,
    signal: stop.signal,
    ...more,
  });
  const heard: Heard[] = [];
  const comments: string[] = [];
  const reading = (async () => {
    for await (const text of stream) {
      for (const block of text.split('\n\n').filter((one) => one !== '')) {
        const fields = new Map(
          block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        );
        if (fields.has('')) comments.push(block);
        if (!fields.has('event')) continue;
        const id = fields.get('id');
        heard.push({
          event: fields.get('event')!,
          data: JSON.parse(fields.get('data')!),
          ...(id !== undefined && { id: Number(id) }),
        });
      }
    }
  })();
  const end = async (): Promise<void> => {
    stop.abort();
    await reading;
  };
  return { heard, comments, reading, end };
}

async function world(t: TestContext): Promise<RestWorld> {
  const made = await restWorld();
  t.after(() => made.close());
  return made;
}

/** Without what is said as it is now. */
const lasting = (heard: readonly Heard[]): unknown =>
  heard.map(({ data: { messages, ...data }, ...event }) => ({
    ...event,
    data,
    messages: messages?.map((one: object) => ({ ...one, mailboxIds: undefined, keywords: undefined })),
  }));

const types = (heard: readonly Heard[]): string[] => heard.map(({ event }) => event);

test('what happens is told once, in order, and again exactly from where it broke off', async (t) => {
  const on = await world(t);
  const stream = listen(on, on.alice);
  await settle();
  const one = await deliver(on, on.alice, letter('First'));
  const work = newId('mailbox', on.services.random);
  await change(on, on.alice, { type: 'create-mailbox', id: work, name: 'Work' });
  await change(on, on.alice, { type: 'move', from: one.mailbox, uids: [[one.uid, one.uid]], to: work });
  await change(on, on.alice, { type: 'set-flags', mailbox: work, uids: [[1, 1]], change: 'add', flags: ['\\Seen'] });
  await deliver(on, on.bob, letter('Not for Alice'));
  await settle();
  await stream.end();
  assert.deepEqual(types(stream.heard), [
    'ready',
    'message.added',
    'mailbox.created',
    'message.added',
    'message.removed',
    'message.flags',
  ]);
  const [ready, added, , moved, removed, flags] = stream.heard;
  assert.deepEqual([added!.data.messageIds, added!.data.messages[0].subject], [[one.id], 'First']);
  assert.deepEqual([flags!.data.mailboxId, flags!.data.uids, flags!.data.messageIds], [work, '1', [one.id]]);
  // How the messages stand when they are told of: nothing has to be asked for.
  assert.deepEqual(flags!.data.messages, [{ id: one.id, mailboxIds: [work], keywords: ['$seen'], uid: 1 }]);
  const { mailboxIds, keywords, uid } = moved!.data.messages[0];
  assert.deepEqual([mailboxIds, keywords.filter((word: string) => word !== '$seen'), uid], [[work], [], 1]);
  assert.deepEqual(removed!.data.messages[0].mailboxIds, [work]);
  assert.deepEqual([moved!.id, typeof removed!.id], [undefined, 'number'], 'one commit, one id, at its end');
  for (const { id } of stream.heard.slice(0, 3)) {
    const again = listen(on, on.alice, { since: id! });
    await settle();
    await again.end();
    const expected = stream.heard.filter((event) => (event.id ?? removed!.id!) > id!);
    assert.deepEqual(lasting(again.heard.slice(1)), lasting(expected));
  }
  assert.equal(ready!.data.constructor, Object);
});

test('a log that no longer reaches back, or that went back, is said', async (t) => {
  const on = await world(t);
  const future = listen(on, on.alice, { since: 1_000_000 });
  await settle();
  await future.end();
  assert.deepEqual(types(future.heard), ['reset']);
  const store = Object.assign(Object.create(on.store), {
    changes: async () => ({ complete: false, modseq: 77 }),
    accountState: () => on.store.accountState(on.alice.access),
  });
  const old = listen(on, on.alice, { since: 0, store });
  await settle();
  await old.end();
  assert.deepEqual([types(old.heard), old.heard.at(-1)!.id], [['ready', 'reset'], 77]);
});

test('a message that was expunged and comes back is told of as one that is added', async (t) => {
  const on = await world(t);
  const { id, mailbox, uid } = await deliver(on, on.alice, letter('Back'));
  await change(on, on.alice, { type: 'expunge', mailbox, uids: [[uid, uid]], onlyDeleted: false });
  const stream = listen(on, on.alice);
  await settle();
  await change(on, on.alice, { type: 'restore', messages: [id] });
  await settle();
  await stream.end();
  assert.deepEqual(types(stream.heard), ['ready', 'message.added']);
  const { messageIds, messages } = stream.heard[1]!.data;
  assert.deepEqual([messageIds, messages[0].subject, messages[0].uid], [[id], 'Back', uid + 1]);
});

test('silence is broken by heartbeats; the stream ends with the token', async (t) => {
  const on = await world(t);
  let may = true;
  const stream = listen(on, on.alice, { mayGoOn: async () => may });
  await settle();
  await on.clock.advance(HEARTBEAT);
  await on.clock.advance(HEARTBEAT);
  assert.equal(stream.comments.length, 2);
  may = false;
  await on.clock.advance(5_000);
  await settle();
  await stream.reading;
});

test('a stream ends within seconds after its app password, its password or its token', async (t) => {
  let opened = 0;
  const on = await restWorld({
    services: (services) => {
      const { views } = services;
      const watchAccount: typeof views.watchAccount = (...given) => {
        opened += 1;
        return views.watchAccount(...given);
      };
      return { ...services, views: Object.assign(Object.create(views), { watchAccount }) };
    },
  });
  t.after(() => on.close());
  const basic = (password: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${on.alice.address}:${password}`).toString('base64')}`,
  });
  const made = (await on.ask(on.alice, 'POST', '/account/app-passwords', { body: { name: 'feed' } })).json;
  const token = await on.token({ account: on.alice.id, scopes: ['mail:read'] });
  const ended: string[] = [];
  const open = async (name: string, who: string | undefined, headers: Record<string, string>): Promise<void> => {
    const answer = await on.ask(who, 'GET', '/events', { headers });
    ended.push(`${name} ${answer.status}`);
  };
  const streams = [
    open('app', undefined, basic(made.password)),
    open('own', undefined, basic(on.alice.password)),
    open('token', token, {}),
  ];
  const wait = async (): Promise<void> => {
    for (let i = 0; i < 6; i++) {
      await settle();
      await on.clock.advance(1_000);
    }
    await settle();
  };
  // Argon2 takes its own time.
  while (opened < streams.length) await new Promise((resolve) => setImmediate(resolve));
  await wait();
  assert.deepEqual(ended, []);
  await on.ask(on.alice, 'DELETE', `/account/app-passwords/${made.id}`);
  await wait();
  assert.deepEqual(ended, ['app 200']);
  const { password: current } = on.alice;
  const changed = await on.ask(on.alice, 'PUT', '/account/password', {
    body: { current, password: 'quite another one' },
  });
  assert.equal(changed.status, 204, changed.text);
  await wait();
  assert.deepEqual(ended, ['app 200', 'own 200']);
  await on.directory.change({ type: 'remove-token', id: (await on.directory.tokens(on.alice.id)).at(-1)!.id });
  await wait();
  assert.deepEqual(ended, ['app 200', 'own 200', 'token 200']);
  await Promise.all(streams);
});

test('a client that does not read holds nothing, and catches up', async (t) => {
  const on = await world(t);
  const stop = new AbortController();
  const stream = eventStream({
    store: on.store,
    views: on.services.views,
    clock: on.clock,
    access: on.alice.access,
    since: undefined,
    wanted: (type) => type === 'message.added',
    mayGoOn: async () => true,
    signal: stop.signal,
  });
  await stream.next();
  for (let i = 0; i < 450; i++) await deliver(on, on.alice, letter(`Number ${i}`));
  const counts: number[] = [];
  while (counts.reduce((sum, n) => sum + n, 0) < 450) {
    const { value } = await stream.next();
    counts.push(String(value).split('event: message.added').length - 1);
  }
  assert.ok(
    counts.every((n) => n <= 200),
    counts.join(),
  );
  stop.abort();
  assert.equal((await stream.next()).done, true);
});

test('over HTTP: a revoked token, types, and what is no id', async (t) => {
  const on = await world(t);
  const short = await on.token({ account: on.alice.id, scopes: ['mail:read'], expiresAt: on.clock.now() + 30_000 });
  const asking = on.ask(short, 'GET', '/events', { query: { types: 'mailbox' } });
  await settle();
  await deliver(on, on.alice, letter('x'));
  await change(on, on.alice, { type: 'create-mailbox', id: newId('mailbox', on.services.random), name: 'New' });
  for (let i = 0; i < 3; i++) {
    await settle();
    await on.clock.advance(HEARTBEAT);
  }
  const answer = await asking;
  assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'text/event-stream']);
  assert.match(answer.text, /event: mailbox\.created\ndata: \{"mailboxId":"\w+","name":"New"\}/);
  assert.doesNotMatch(answer.text, /message\.added/);
  assert.equal((await on.ask(on.alice, 'GET', '/events', { headers: { 'last-event-id': 'x' } })).status, 400);
  const other = await on.token({ account: on.alice.id, scopes: ['send'] });
  assert.equal((await on.ask(other, 'GET', '/events')).status, 403);
});

test('a message that has gone is told of with no mailbox, and one that waits to be expunged too', async (t) => {
  const on = await world(t);
  const { modseq } = await on.store.accountState(on.alice.access);
  const [gone, deleted] = [await deliver(on, on.alice, letter('Gone')), await deliver(on, on.alice, letter('Deleted'))];
  const { mailbox } = gone;
  await change(on, on.alice, { type: 'expunge', mailbox, uids: [[gone.uid, gone.uid]], onlyDeleted: false });
  const uids = [[deleted.uid, deleted.uid]] as const;
  await change(on, on.alice, { type: 'set-flags', mailbox, uids, change: 'add', flags: ['\\Deleted'] });
  const stream = listen(on, on.alice, { since: modseq });
  await settle();
  await stream.end();
  const stands = stream.heard.slice(1).map(({ event, data }) => [event, data.messages[0].mailboxIds]);
  assert.deepEqual(stands, [
    ['message.added', []],
    ['message.added', []],
    ['message.removed', []],
    ['message.flags', []],
  ]);
});
