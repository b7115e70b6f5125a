import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import type { Reply } from '#mail/smtp/reply.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Commit } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import { type AccountId, INLINE_BODY_LIMIT, type InlineBody } from '#store/types.ts';
import { FakeClock } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { fakeRandom } from '#test/support/random.ts';
import { Deliveries, type DeliveryOrder } from './deliver.ts';
import type { Recipient } from './recipient.ts';

interface Fixture {
  readonly store: MemoryStore;
  /** What went through the store, in order. */
  readonly commits: Commit[];
  readonly staged: AccountId[];
  readonly log: ReturnType<typeof recordingLog>;
  readonly deliver: (message: string | readonly Buffer[], order?: Partial<DeliveryOrder>) => Promise<readonly Reply[]>;
}

const ACCOUNTS = ['a1', 'a2', 'a3'] as const;

async function fixture(override: Partial<MailStore> = {}, shards: Record<string, number> = {}): Promise<Fixture> {
  const clock = new FakeClock();
  const random = fakeRandom();
  const store = new MemoryStore({ clock, random });
  const log = recordingLog();
  for (const id of ACCOUNTS) {
    await store.commit({ owner: id, actor: id, id: 'create', mutations: [{ type: 'create-account', mailboxes: [] }] });
  }
  const commits: Commit[] = [];
  const staged: AccountId[] = [];
  const spied = {
    mailboxes: (access) => store.mailboxes(access),
    commit(commit) {
      commits.push(commit);
      return store.commit(commit);
    },
    stage(owner, content) {
      staged.push(owner);
      return store.stage(owner, content);
    },
    ...override,
  } satisfies Partial<MailStore> as unknown as MailStore;
  const shardOf = (account: AccountId): Promise<number> => Promise.resolve(shards[account] ?? 0);
  const directory = createMemoryDirectory({ clock });
  const deliveries = new Deliveries({ store: spied, directory, shardOf, clock, random, log, passOn });
  return {
    store,
    commits,
    staged,
    log,
    async deliver(message, order = {}) {
      const recipients = [recipient('a1', 'bob@beta.test')];
      const sink = deliveries.open({
        reversePath: null,
        recipients,
        session: 's',
        bodyType: '7bit',
        smtputf8: false,
        ...order,
      });
      for (const chunk of typeof message === 'string' ? [Buffer.from(message)] : message) await sink.write(chunk);
      return sink.finish();
    },
  };
}

/** Nothing leaves in these tests (onward.test.ts). */
const passOn = (): Promise<never> => Promise.reject(new Error('nobody is there'));

function recipient(account: AccountId, sent: string): Recipient {
  const [localPart = '', domain = ''] = sent.split('@');
  const address = { localPart, domain };
  return { path: { address }, sent, targets: [{ account, address }] };
}

const both = [recipient('a1', 'bob@beta.test'), recipient('a2', 'Dave@beta.test')];
const codes = (replies: readonly Reply[]): number[] => replies.map((reply) => reply.code);

function message(commit: Commit | undefined) {
  const [mutation] = commit?.mutations ?? [];
  assert.ok(mutation?.type === 'add-message');
  return mutation.message;
}

test('each account gets its own prefix and one shared body, as accepted', async () => {
  const { commits, deliver } = await fixture();
  const reversePath = { localPart: 'alice', domain: 'alpha.test' };
  assert.deepEqual(codes(await deliver('Subject: s\r\n\r\ntext', { recipients: both, reversePath })), [250, 250]);
  const first = message(commits[0]);
  const second = message(commits[1]);
  assert.equal(
    Buffer.from(first.prefix).toString(),
    'Return-Path: <alice@alpha.test>\r\nDelivered-To: bob@beta.test\r\n',
  );
  assert.match(Buffer.from(second.prefix).toString(), /Delivered-To: Dave@beta\.test\r\n$/);
  assert.equal(first.body.id, second.body.id);
  assert.notEqual(first.id, second.id);
  assert.equal(Buffer.from((first.body as InlineBody).data).toString(), 'Subject: s\r\n\r\ntext');
  assert.equal(first.index.headers.subject, 's');
});

test('RFC 5321 §4.4: there is one Return-Path, ours', async () => {
  const { commits, deliver } = await fixture();
  await deliver(
    'Return-Path: <forged@beta.test>\r\nSubject: s\r\nreturn-path:\r\n <x@y.test>\r\n\r\nReturn-Path: text',
  );
  const { body, index } = message(commits[0]);
  const stored = 'Subject: s\r\n\r\nReturn-Path: text';
  assert.equal(Buffer.from((body as InlineBody).data).toString(), stored);
  assert.equal(body.length, stored.length);
  assert.equal(index.size, stored.length);
});

test('the commit id is (delivery id, forward-path as sent); without a delivery id it is new each time', async () => {
  const { commits, deliver } = await fixture();
  await deliver('x', { deliveryId: 'd1', recipients: both });
  await deliver('x');
  await deliver('x');
  assert.deepEqual(
    commits.slice(0, 2).map(({ id }) => id),
    ['d1 bob@beta.test', 'd1 Dave@beta.test'],
  );
  assert.notEqual(commits[2]?.id, commits[3]?.id);
});

test('a large body is staged as it comes, once for each shard, and comes out as it went in', async () => {
  const { commits, staged, store, deliver } = await fixture({}, { a1: 0, a2: 1, a3: 0 });
  const chunks = Array.from({ length: 20 }, (_, i) => Buffer.alloc(1000 + i, 65 + i));
  const whole = Buffer.concat(chunks);
  assert.ok(whole.length > INLINE_BODY_LIMIT);
  const recipients = [...both, recipient('a3', 'carol@beta.test')];
  assert.deepEqual(codes(await deliver(chunks, { recipients })), [250, 250, 250]);
  assert.deepEqual(staged, ['a1', 'a2']);
  const bodies = ACCOUNTS.map((id) => message(commits.find(({ owner }) => owner === id)).body);
  assert.equal(bodies[0]?.id, bodies[2]?.id);
  assert.notEqual(bodies[0]?.id, bodies[1]?.id);
  assert.ok(!('data' in (bodies[0] ?? {})));
  const access = { owner: 'a2', viewer: 'a2' };
  const inbox = (await store.mailboxes(access)).mailboxes[0]?.id ?? '';
  const out: Uint8Array[] = [];
  for await (const chunk of store.content(access, inbox, 1, 0, Number.MAX_SAFE_INTEGER)) out.push(chunk);
  const content = Buffer.concat(out);
  assert.deepEqual(content.subarray(-whole.length), whole);
});

test('a stage that fails is a temporary refusal, and writing goes on', async () => {
  const stage: MailStore['stage'] = async (_owner, content) => {
    for await (const _chunk of content) throw new MailError('unavailable', 'no space');
    throw new Error('not reached');
  };
  const { deliver, commits } = await fixture({ stage });
  const [reply] = await deliver(Array.from({ length: 40 }, () => Buffer.alloc(1000, 65)));
  assert.equal(reply?.code, 451);
  assert.equal(commits.length, 0);
});

test('a stage that never reads and one that is given up end all the same', async () => {
  const never: MailStore['stage'] = () => Promise.reject(new MailError('too-large', 'too large'));
  const refused = await fixture({ stage: never });
  assert.deepEqual(codes(await refused.deliver([Buffer.alloc(20_000), Buffer.alloc(20_000)])), [552]);
  const { store, commits } = await fixture();
  const random = fakeRandom();
  const rooms = {
    store,
    directory: createMemoryDirectory({ clock: new FakeClock() }),
    shardOf: () => Promise.resolve(0),
    clock: new FakeClock(),
    random,
    log: recordingLog(),
    passOn,
  };
  const order = { reversePath: null, recipients: both, session: 's', bodyType: '7bit', smtputf8: false } as const;
  const sink = new Deliveries(rooms).open(order);
  await sink.write(Buffer.alloc(20_000));
  sink.abort();
  await sink.write(Buffer.alloc(20_000));
  assert.equal(commits.length, 0);
});

test('recipients fail each for itself; unknown trouble is temporary and logged', async () => {
  const commit: MailStore['commit'] = async (given) => {
    if (given.owner === 'a1') throw new TypeError('a fault');
    return { ok: false, failure: 'over-quota', mutation: 0, text: 'full' };
  };
  const { deliver, log } = await fixture({ commit });
  const replies = await deliver('x', { recipients: both });
  assert.deepEqual(codes(replies), [451, 452]);
  assert.match(replies[0]?.lines[0] ?? '', /session s/);
  assert.ok(log.entries.some(({ level, fields }) => level === 'error' && fields.err instanceof TypeError));
});

test('an alias is answered as well as its worst target, temporary before permanent', async () => {
  const failures = { a1: 'over-quota', a2: 'rejected' } as const;
  const commit: MailStore['commit'] = async ({ owner }) => ({
    ok: false,
    failure: failures[owner as 'a1' | 'a2'],
    mutation: 0,
    text: '',
  });
  const { deliver } = await fixture({ commit });
  const [first, second] = both as [Recipient, Recipient];
  const alias = { ...first, targets: [...second.targets, ...first.targets] };
  assert.deepEqual(codes(await deliver('x', { recipients: [alias] })), [452]);
});

test('a remembered INBOX that is gone is looked for again', async () => {
  const { store, deliver, commits } = await fixture();
  assert.deepEqual(codes(await deliver('x')), [250]);
  await store.commit({ owner: 'a1', actor: 'a1', id: 'delete', mutations: [{ type: 'delete-account' }] });
  await store.commit({ owner: 'a1', actor: 'a1', id: 'again', mutations: [{ type: 'create-account', mailboxes: [] }] });
  assert.deepEqual(codes(await deliver('y')), [250]);
  assert.equal(commits.length, 3);
});
