/** Rows are drained over a store in memory, to an MTA that does as it is told. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { formatAddress } from '#mail/address.ts';
import { reply } from '#mail/smtp/reply.ts';
import type { RecipientResult } from '#runtime/smtp/client-types.ts';
import type { Autoreply } from '#store/account-rules.ts';
import { AUTOMATIC, type AutomaticPayload, enqueueAutomatic } from '#store/automatic.ts';
import type { Account } from '#store/directory.ts';
import { settle } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter } from '../rest/mail/mail.testkit.ts';
import type { Transmission } from '../rest/sending/transmit.ts';
import { AutomaticDrainer } from './drainer.ts';

type Said = 'taken' | 'lost' | 'later' | 'refused';

interface World extends RestWorld {
  readonly sent: { readonly to: string; readonly id: string; readonly text: string; readonly given: Transmission }[];
  /** What the MTA says of a recipient. */
  readonly says: Map<string, Said>;
  /** Of the account, beside what the directory knows. */
  settings: Partial<Account>;
  readonly logged: ReturnType<typeof recordingLog>['entries'];
  enqueue(id: string, payload: AutomaticPayload): Promise<void>;
  /** Tells the drainer, and lets it work until nothing is left to do now. */
  work(): Promise<void>;
  /** Time passes, until a next try was made. */
  next(ms: number): Promise<void>;
  restart(): Promise<void>;
  rows(): Promise<number>;
}

const TEXT: Autoreply = { enabled: true, text: 'I am away.' };
const ANSWER: AutomaticPayload = {
  type: 'autoreply',
  to: 'bob@far.test',
  from: 'alice@alpha.test',
  subject: 'Grüße',
  inReplyTo: 'm1@far.test',
  references: ['m0@far.test', 'm1@far.test'],
};
const results: Record<Said, RecipientResult> = {
  taken: { kind: 'reply', stage: 'final', reply: reply(250, '0.0', 'Queued') },
  lost: { kind: 'lost', stage: 'final', error: new Error('gone') },
  later: { kind: 'reply', stage: 'rcpt', reply: reply(451, '3.0', 'Later') },
  refused: { kind: 'reply', stage: 'rcpt', reply: reply(550, '1.1', 'No such user here') },
};

async function world(t: TestContext): Promise<World> {
  const base = await restWorld();
  const sent: World['sent'] = [];
  const says: World['says'] = new Map();
  const log = recordingLog();
  const { store, clock, services, alice } = base;
  const transmit = async (given: Transmission): Promise<readonly RecipientResult[]> => {
    const { content } = given.message;
    const chunks: Uint8Array[] = [];
    if (typeof content === 'function') for await (const chunk of content()) chunks.push(chunk);
    else chunks.push(content);
    const text = Buffer.concat(chunks).toString();
    assert.equal(Buffer.byteLength(text), given.message.size);
    for (const to of given.to) sent.push({ to: formatAddress(to), id: given.deliveryId, text, given });
    return given.to.map((to) => results[says.get(formatAddress(to)) ?? 'taken']);
  };
  const begin = (): AutomaticDrainer => {
    const account = async (id: string): Promise<Account | undefined> => {
      const known = await base.directory.account(id);
      return known && { ...known, ...all.settings };
    };
    const { random } = services;
    const expire = (): number => 5 * 86_400_000;
    return new AutomaticDrainer({ store, directory: { account }, transmit, clock, random, log, expire });
  };
  let drainer = begin();
  t.after(async () => {
    await drainer.end();
    await base.close();
  });
  /** Composing takes turns of the real loop: every row is either gone or waits for a timer. */
  const idle = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) {
      await settle();
      const left = await all.rows();
      if (i > 5 && (left === 0 || clock.pending > timers)) return;
    }
  };
  const timers = clock.pending;
  const outbox = store.outbox.bind(store);
  const all: World = {
    ...base,
    sent,
    says,
    logged: log.entries,
    settings: { autoreply: TEXT },
    async enqueue(id, payload) {
      await change(base, alice, enqueueAutomatic(id, payload));
    },
    async work() {
      drainer.noticed({ account: alice.id, modseq: 1, types: ['outbox'] });
      await idle();
    },
    async next(ms) {
      await clock.advance(ms);
      await idle();
    },
    async restart() {
      await drainer.end();
      drainer = begin();
      await drainer.begin();
      await idle();
    },
    rows: async () => (await outbox(alice.id)).length,
  };
  return all;
}

test('RFC 5230 §5: the answer goes to the reverse-path, from nobody, says what it is, and quotes nothing', async (t) => {
  const on = await world(t);
  await on.enqueue('o1', ANSWER);
  await on.work();
  assert.equal(await on.rows(), 0);
  assert.equal(on.sent.length, 1);
  const [{ to, id, text, given }] = on.sent as [World['sent'][0]];
  assert.deepEqual(
    [to, id, given.from, given.notify, given.account],
    ['bob@far.test', 'o1', null, 'never', 'alice@alpha.test'],
  );
  assert.equal(given.envelopeId, undefined);
  assert.match(text, /^From: alice@alpha\.test\r\n/m);
  assert.match(text, /^To: bob@far\.test\r\n/m);
  assert.match(text, /^Subject: =\?UTF-8\?Q\?Auto=3A_Gr=C3=BC=C3=9Fe\?=\r\n/m);
  assert.match(text, /^Auto-Submitted: auto-replied \(vacation\)\r\n/m);
  assert.match(text, /^In-Reply-To: <m1@far\.test>\r\n/m);
  assert.match(text, /^References: <m0@far\.test> <m1@far\.test>\r\n/m);
  assert.match(text, /^Message-ID: <o1@alpha\.test>\r\n/m);
  assert.match(text, /\r\n\r\nI am away\.\r?\n?$/);
});

test('the account’s own subject and HTML, as they are when it is sent', async (t) => {
  const on = await world(t);
  on.says.set('bob@far.test', 'later');
  await on.enqueue('o1', ANSWER);
  await on.work();
  on.settings = { autoreply: { ...TEXT, subject: 'Away till May', html: '<p>I am <b>away</b>.</p>' } };
  on.says.clear();
  await on.next(1_000);
  assert.deepEqual(
    on.sent.map(({ id }) => id),
    ['o1', 'o1'],
  );
  assert.match(on.sent[1]!.text, /^Subject: Away till May\r\n.*multipart\/alternative.*<b>away<\/b>/ms);
});

test('who has come back, is suspended or has moved answers nobody', async (t) => {
  const on = await world(t);
  const now = on.clock.now();
  const none: Partial<Account>[] = [
    {},
    { autoreply: { ...TEXT, enabled: false } },
    { autoreply: { ...TEXT, until: now } },
    { autoreply: { ...TEXT, from: now + 1 } },
    { autoreply: TEXT, suspended: true },
    { autoreply: TEXT, moved: { to: 'a@b.test', how: 'forward' } },
  ];
  for (const [i, settings] of none.entries()) {
    on.settings = settings;
    await on.enqueue(`o${i}`, ANSWER);
    await on.work();
    assert.equal(await on.rows(), 0, JSON.stringify(settings));
  }
  assert.deepEqual(on.sent, []);
});

test('what is lost is sent again under its delivery id, later and later, and given up after a day', async (t) => {
  const on = await world(t);
  on.says.set('bob@far.test', 'lost');
  await on.enqueue('o1', ANSWER);
  await on.work();
  for (const wait of [1_000, 5_000, 30_000]) await on.next(wait);
  assert.deepEqual(
    on.sent.map(({ id }) => id),
    ['o1', 'o1', 'o1', 'o1'],
  );
  // Another worker begins with what stands in the rows.
  await on.restart();
  assert.equal(on.sent.length, 5);
  for (let minutes = 0; minutes <= 24 * 60 + 15; minutes += 5) await on.next(300_000);
  assert.equal(await on.rows(), 0);
  assert.ok(on.sent.length < 120, `${on.sent.length} tries`);
  assert.ok(on.logged.some(({ message }) => message.includes('given up')));
});

test('a refusal for good ends it, and so does a row that nobody understands', async (t) => {
  const on = await world(t);
  on.says.set('bob@far.test', 'refused');
  await on.enqueue('o1', ANSWER);
  await change(on, on.alice, { type: 'enqueue-outbox', id: 'o2', kind: AUTOMATIC, payload: Buffer.from('{') });
  await change(on, on.alice, {
    type: 'enqueue-outbox',
    id: 'o3',
    kind: AUTOMATIC,
    payload: Buffer.from('{"type":"?"}'),
  });
  await on.work();
  assert.equal(on.sent.length, 1);
  assert.equal(await on.rows(), 0);
  assert.equal(on.logged.filter(({ level }) => level === 'error').length, 2);
});

test('what is sent on leaves as it was delivered, from its sender; each recipient counts for itself', async (t) => {
  const on = await world(t);
  on.settings = {};
  const { id: message } = await deliver(
    on,
    on.alice,
    letter('Hi', 'Message-ID: <m@x.test>\nX-A: 1\n', `${'long '.repeat(30_000)}\n`),
  );
  on.says.set('b@far.test', 'later').set('c@far.test', 'refused');
  await on.enqueue('o1', { type: 'redirect', message, to: ['a@far.test', 'b@far.test', 'c@far.test'] });
  await on.work();
  assert.deepEqual(
    on.sent.map(({ to, id }) => `${to} ${id}`),
    ['a@far.test o1.0', 'b@far.test o1.1', 'c@far.test o1.2'],
  );
  const [{ text, given }] = on.sent as [World['sent'][0]];
  assert.match(text, /^From: Alice <alice@alpha\.test>\r\nTo: bob@beta\.test\r\nSubject: Hi\r\n/);
  assert.deepEqual([given.from && formatAddress(given.from), given.redirect], ['x@beta.test', true]);
  on.says.clear();
  await on.next(1_000);
  // Known by their delivery ids to the MTA, which sends them once.
  assert.deepEqual(
    on.sent.slice(3).map(({ id }) => id),
    ['o1.0', 'o1.1', 'o1.2'],
  );
  assert.equal(await on.rows(), 0);
});

test('what was collected and deleted goes on, as long as it is retained', async (t) => {
  const on = await world(t);
  const kept = await deliver(on, on.alice, letter('Hi'));
  const other = await deliver(on, on.alice, letter('Ho'));
  for (const [i, { id: message }] of [kept, other].entries())
    await change(on, on.alice, enqueueAutomatic(`o${i}`, { type: 'redirect', message, to: [`${i}@far.test`] }));
  await change(on, on.alice, { type: 'expunge', mailbox: kept.mailbox, onlyDeleted: false });
  const expunged = on.store.expunged.bind(on.store);
  // As if one of them were collected already.
  t.mock.method(on.store, 'expunged', async (...given: Parameters<typeof expunged>) => {
    const { messages, ...page } = await expunged(...given);
    return { ...page, messages: messages.filter(({ row }) => row.message !== other.id) };
  });
  await on.work();
  assert.deepEqual(
    on.sent.map(({ to }) => to),
    ['0@far.test'],
  );
  assert.match(on.sent[0]?.text ?? '', /^Subject: Hi\r\n/m);
  assert.equal(await on.rows(), 0);
});

test('what is moved while it is looked for goes on', async (t) => {
  const on = await world(t);
  const { id: message } = await deliver(on, on.alice, letter('Hi'));
  const placements = on.store.placements.bind(on.store);
  let looks = 0;
  // As if it had been there, and somewhere else a moment later.
  t.mock.method(on.store, 'placements', async (...given: Parameters<typeof placements>) => {
    const found = await placements(...given);
    looks += 1;
    return looks === 1 ? found.map((one) => ({ ...one, uid: one.uid + 1_000 })) : found;
  });
  await on.enqueue('o1', { type: 'redirect', message, to: ['a@far.test'] });
  await on.work();
  assert.deepEqual([on.sent.length, await on.rows()], [0, 1]);
  await on.next(1_000);
  assert.deepEqual([on.sent.length, await on.rows()], [1, 0]);
});

test('an outbox that can not be read keeps nobody else’s, and is looked at again', async (t) => {
  const on = await world(t);
  const outbox = on.store.outbox.bind(on.store);
  let broken = true;
  t.mock.method(on.store, 'outbox', (owner: string) => (broken ? Promise.reject(new Error('damaged')) : outbox(owner)));
  await on.enqueue('o1', ANSWER);
  await on.work();
  assert.deepEqual(on.sent, []);
  broken = false;
  await on.next(5_000);
  assert.equal(on.sent.length, 1);
});
