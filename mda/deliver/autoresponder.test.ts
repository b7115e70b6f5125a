/** Deliveries to an account that is away, over a store and a directory in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '#mail/address.ts';
import type { AccountRules, Autoreply } from '#store/account-rules.ts';
import { type AutoreplyPayload, readAutomatic } from '#store/automatic.ts';
import type { DirectoryChange } from '#store/directory.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { makeSecret } from '#store/secret.ts';
import type { MailStore } from '#store/store.ts';
import { FakeClock } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { fakeRandom } from '#test/support/random.ts';
import { Deliveries } from './deliver.ts';
import { findRecipient } from './recipient.ts';

const DAY = 86_400_000;
const ALICE = 'alice@alpha.test';
const AWAY: Autoreply = { enabled: true, text: 'Away.' };
const secret = makeSecret('x');

interface Sent {
  readonly from?: string | null;
  readonly rcpt?: string;
  readonly to?: string;
  readonly more?: string;
  readonly delivery?: string;
}

async function world(override: (store: MemoryStore) => Partial<MailStore> = () => ({})) {
  const clock = new FakeClock();
  const random = fakeRandom();
  const store = new MemoryStore({ clock, random });
  const directory = createMemoryDirectory({ clock });
  const change = (one: DirectoryChange): Promise<void> => directory.change(one);
  await change({ type: 'add-domain', name: 'alpha.test' });
  for (const name of ['alice', 'bob']) {
    await change({ type: 'add-account', id: name, address: `${name}@alpha.test`, shard: 0, secret: await secret });
    await change({ type: 'activate-account', id: name });
    const mutations = [{ type: 'create-account' as const, mailboxes: [] }];
    await store.commit({ owner: name, actor: name, id: 'c', mutations });
  }
  const set = (autoreply: Autoreply = AWAY): Promise<void> => change({ type: 'set-autoreply', id: 'alice', autoreply });
  await set();
  const log = recordingLog();
  const plain: Partial<MailStore> = {
    mailboxes: (...args) => store.mailboxes(...args),
    commit: (...args) => store.commit(...args),
    record: (...args) => store.record(...args),
    records: (...args) => store.records(...args),
  };
  const passOn = (): Promise<never> => Promise.reject(new Error('nobody is there'));
  const spied = { ...plain, ...override(store) } as MailStore;
  const deliveries = new Deliveries({ store: spied, directory, clock, random, log, passOn, shardOf: async () => 0 });
  let count = 0;
  return {
    clock,
    store,
    directory,
    change,
    set,
    log,
    async deliver({ from = 'far@far.test', rcpt = ALICE, to = rcpt, more = '', delivery }: Sent = {}) {
      const recipient = await findRecipient(directory, { address: parseAddress(rcpt) }, true);
      count += 1;
      const sink = deliveries.open({
        reversePath: from === null ? null : parseAddress(from),
        recipients: [recipient],
        session: 's',
        bodyType: '7bit',
        smtputf8: false,
        ...(delivery !== undefined && { deliveryId: delivery }),
      });
      await sink.write(Buffer.from(`From: <x@y.test>\r\nTo: <${to}>\r\nSubject: n${count}\r\n${more}\r\ntext\r\n`));
      return (await sink.finish()).map(({ code }) => code);
    },
    /** What is to be answered. */
    async answers(owner = 'alice'): Promise<readonly AutoreplyPayload[]> {
      return (await store.outbox(owner)).map(({ payload }) => {
        const read = readAutomatic(payload);
        assert.ok(read?.type === 'autoreply');
        return read;
      });
    },
    async messages(owner = 'alice'): Promise<number> {
      return (await store.accountState({ owner, viewer: owner })).usedMessages;
    },
  };
}

test('a correspondent is answered once in a week, and once for a new text; a repeated delivery answers nothing twice', async () => {
  const on = await world();
  assert.deepEqual(await on.deliver({ delivery: 'd1' }), [250]);
  assert.deepEqual(await on.deliver({ delivery: 'd1' }), [250]);
  await on.deliver({ from: 'FAR@far.test' });
  assert.deepEqual(
    (await on.answers()).map(({ to, from, subject }) => [to, from, subject]),
    [['far@far.test', ALICE, 'n1']],
  );
  await on.deliver({ from: 'other@far.test' });
  assert.equal((await on.answers()).length, 2);
  await on.clock.advance(7 * DAY - 1);
  await on.deliver();
  assert.equal((await on.answers()).length, 2);
  await on.clock.advance(1);
  await on.deliver();
  assert.equal((await on.answers()).length, 3);
  await on.set({ ...AWAY, text: 'Another.', days: 1 });
  await on.deliver();
  await on.clock.advance(DAY);
  await on.deliver();
  assert.equal((await on.answers()).length, 5);
  assert.equal(await on.messages(), 7);
});

test('nobody is answered outside of the time, by the account itself, or in copy only', async () => {
  const on = await world();
  await on.change({ type: 'add-alias', address: 'me@alpha.test', targets: [ALICE] });
  for (const message of [
    { from: null },
    { from: ALICE },
    { from: 'me@alpha.test' },
    { from: 'Alice+x@alpha.test' },
    { to: 'people@lists.test' },
    { more: 'List-Id: <a.b>\r\n' },
    { more: 'Auto-Submitted: auto-replied\r\n' },
  ])
    assert.deepEqual(await on.deliver(message), [250]);
  const now = on.clock.now();
  for (const autoreply of [
    { ...AWAY, enabled: false },
    { ...AWAY, until: now },
    { ...AWAY, from: now + 1 },
  ]) {
    await on.set(autoreply);
    await on.deliver();
  }
  await on.set();
  await on.change({ type: 'suspend-account', id: 'alice', suspended: true });
  await on.deliver();
  assert.deepEqual(await on.answers(), []);
  assert.equal(await on.messages(), 11);
});

test('an alias counts: alone it speaks for itself, shared each answers under their own address', async () => {
  const on = await world();
  await on.change({ type: 'set-autoreply', id: 'bob', autoreply: AWAY });
  await on.change({ type: 'add-alias', address: 'a.l@alpha.test', targets: [ALICE] });
  await on.change({ type: 'add-alias', address: 'team@alpha.test', targets: [ALICE, 'bob@alpha.test'] });
  await on.deliver({ from: '1@far.test', rcpt: 'a.l@alpha.test' });
  await on.deliver({ from: '2@far.test', rcpt: 'alice+lists@alpha.test' });
  await on.deliver({ from: '3@far.test', rcpt: 'team@alpha.test' });
  await on.deliver({ from: '4@far.test', more: 'Resent-To: a.l@alpha.test\r\n', to: 'x@y.test' });
  const froms = (await on.answers()).map(({ from }) => from);
  assert.deepEqual(froms, ['a.l@alpha.test', 'alice+lists@alpha.test', ALICE, 'a.l@alpha.test']);
  assert.deepEqual(
    (await on.answers('bob')).map(({ from }) => from),
    ['bob@alpha.test'],
  );
});

test('what a filter throws away or takes for junk is not answered', async () => {
  const on = await world();
  const filter = { id: 'f', name: 'f', enabled: true, when: {} };
  for (const then of [{ junk: true as const }, { discard: true as const }]) {
    await on.change({ type: 'set-filters', id: 'alice', filters: [{ ...filter, then }] });
    assert.deepEqual(await on.deliver(), [250]);
  }
  const senders: NonNullable<AccountRules['senders']> = { allow: [], block: ['@far.test'] };
  await on.change({ type: 'set-filters', id: 'alice', filters: [] });
  await on.change({ type: 'set-senders', id: 'alice', senders });
  assert.deepEqual(await on.deliver(), [550]);
  assert.deepEqual(await on.answers(), []);
});

test('a flood of forged senders gets 60 answers an hour, and leaves no more records', async () => {
  const on = await world();
  for (let i = 0; i < 100; i++) await on.deliver({ from: `f${i}@far.test` });
  assert.equal((await on.answers()).length, 60);
  assert.equal(await on.messages(), 100);
  const kept = await on.store.records({ owner: 'alice', viewer: 'alice' }, 'autoreply', { limit: 1_000 });
  assert.equal(kept.length, 60);
  await on.clock.advance(3_600_000);
  await on.deliver({ from: 'late@far.test' });
  assert.equal((await on.answers()).length, 61);
});

test('two deliveries at once answer once, and both arrive', async () => {
  const on = await world();
  assert.deepEqual(await Promise.all([on.deliver(), on.deliver(), on.deliver()]), [[250], [250], [250]]);
  assert.equal((await on.answers()).length, 1);
  assert.equal(await on.messages(), 3);
});

test('an answer that can not be decided on loses no mail', async () => {
  const on = await world(() => ({ record: () => Promise.reject(new Error('damaged')) }));
  assert.deepEqual(await on.deliver(), [250]);
  assert.equal(await on.messages(), 1);
  assert.ok(on.log.entries.some(({ level }) => level === 'error'));
});

test('accounts without rules cost nothing: nobody is asked anything', async () => {
  const asked = (): never => assert.fail('asked');
  const on = await world(() => ({ record: asked, records: asked }));
  await on.deliver({ rcpt: 'bob@alpha.test' });
  assert.equal(await on.messages('bob'), 1);
});
