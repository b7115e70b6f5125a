import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardMark, marksField } from '#mail/header/forward-marks.ts';
import type { Reply } from '#mail/smtp/reply.ts';
import type { AccountRules, Filter } from '#store/account-rules.ts';
import { AUTOMATIC, readAutomatic } from '#store/automatic.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { MailStore } from '#store/store.ts';
import { FakeClock } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { fakeRandom } from '#test/support/random.ts';
import { Deliveries, type DeliveryOrder } from './deliver.ts';
import type { Recipient } from './recipient.ts';

const ME = 'a1';
const access = { owner: ME, viewer: ME };
const SENDER = { localPart: 'bob', domain: 'beta.test' };
const LETTER = 'From: Bob <bob@beta.test>\r\nTo: alice@alpha.test\r\nSubject: hello\r\n\r\nsome text\r\n';

let made = 0;
const filter = (when: Filter['when'], then: Filter['then'], more: Partial<Filter> = {}): Filter => {
  made += 1;
  return { id: `f${made}`, name: '', enabled: true, when, then, ...more };
};

interface World {
  readonly store: MemoryStore;
  readonly log: ReturnType<typeof recordingLog>;
  readonly deliver: (
    rules: AccountRules,
    message?: string | readonly Buffer[],
    order?: Partial<DeliveryOrder> & { to?: string; detail?: string },
  ) => Promise<Reply>;
  /** Names of mailboxes with the flags of what is in them. */
  readonly held: () => Promise<Record<string, (readonly string[])[]>>;
  readonly sentOn: () => Promise<readonly (readonly string[])[]>;
}

/** @param mailboxes beside INBOX. */
async function world(
  mailboxes: readonly { id: string; name: string; role?: 'junk' | 'trash' }[] = [],
  override: (store: MemoryStore) => Partial<MailStore> = () => ({}),
): Promise<World> {
  const clock = new FakeClock();
  const random = fakeRandom();
  const store = new MemoryStore({ clock, random });
  await store.commit({ owner: ME, actor: ME, id: 'c', mutations: [{ type: 'create-account', mailboxes }] });
  const log = recordingLog();
  const plain: Partial<MailStore> = {
    mailboxes: (...args) => store.mailboxes(...args),
    commit: (...args) => store.commit(...args),
    stage: (...args) => store.stage(...args),
  };
  const passOn = (): Promise<never> => Promise.reject(new Error('nobody is there'));
  const directory = createMemoryDirectory({ clock });
  const rooms = { store: { ...plain, ...override(store) } as MailStore, directory, clock, random, log, passOn };
  const deliveries = new Deliveries({ ...rooms, shardOf: async () => 0 });
  return {
    store,
    log,
    async deliver(rules, message = LETTER, { to = 'alice', detail, ...order } = {}) {
      const address = { localPart: to, domain: 'alpha.test' };
      const target = { account: ME, address, rules, ...(detail !== undefined && { detail }) };
      const recipient: Recipient = { path: { address }, sent: `${to}@alpha.test`, targets: [target] };
      const sink = deliveries.open({
        reversePath: SENDER,
        recipients: [recipient],
        session: 's',
        bodyType: '7bit',
        smtputf8: false,
        ...order,
      });
      for (const chunk of typeof message === 'string' ? [Buffer.from(message)] : message) await sink.write(chunk);
      const [reply] = await sink.finish();
      assert.ok(reply);
      return reply;
    },
    async held() {
      const found: Record<string, (readonly string[])[]> = {};
      for (const { id, name, messages } of (await store.mailboxes(access)).mailboxes) {
        if (messages === 0) continue;
        const { flags, flagSets } = await store.snapshot(access, id);
        found[name] = [...flags].map((set) => flagSets[set] ?? []);
      }
      return found;
    },
    async sentOn() {
      return (await store.outbox(ME)).map(({ kind, payload }) => {
        assert.equal(kind, AUTOMATIC);
        const row = readAutomatic(payload);
        assert.ok(row?.type === 'redirect');
        return [row.message, ...row.to];
      });
    },
  };
}

test('filters place a message, mark it and send it on, in one commit that a repeat does not repeat', async () => {
  const { deliver, held, sentOn } = await world([{ id: 'm1', name: 'Work' }]);
  const filters = [
    filter({ from: 'BOB@' }, { mailbox: 'm1', keywords: ['$flagged', 'todo'] }),
    filter({ subject: 'hello' }, { forward: ['x@far.test', 'y@far.test'] }),
  ];
  for (let i = 0; i < 2; i++) assert.equal((await deliver({ filters }, LETTER, { deliveryId: 'd' })).code, 250);
  assert.deepEqual(await held(), { Work: [['\\Flagged', 'todo']] });
  const [row, ...others] = await sentOn();
  assert.deepEqual([row?.slice(1), others], [['x@far.test', 'y@far.test'], []]);
});

test('a mailbox that is gone is INBOX; the rest of the filter counts', async () => {
  const { deliver, held } = await world();
  const filters = [filter({}, { mailbox: 'gone', keywords: ['k'] })];
  assert.equal((await deliver({ filters })).code, 250);
  assert.deepEqual(await held(), { INBOX: [['k']] });
});

test('a filter that names a mailbox goes before the detail of the address, another does not', async () => {
  const { deliver, held } = await world([
    { id: 'm1', name: 'Work' },
    { id: 'm2', name: 'lists' },
  ]);
  await deliver({ filters: [filter({}, { mailbox: 'm1' })] }, LETTER, { to: 'alice+lists', detail: 'lists' });
  await deliver({ filters: [filter({ to: '+lists@' }, { keywords: ['k'] })] }, LETTER, {
    to: 'alice+lists',
    detail: 'lists',
  });
  await deliver({ filters: [filter({}, { mailbox: 'gone' })] }, LETTER, { to: 'alice+lists', detail: 'lists' });
  assert.deepEqual(await held(), { Work: [[]], lists: [['k'], []] });
});

test('junk goes to the mailbox of that role, which is made where there is none', async () => {
  const junk = [filter({}, { junk: true })];
  const has = await world([{ id: 'j', name: 'Spam', role: 'junk' }]);
  await has.deliver({ filters: junk });
  assert.deepEqual(await has.held(), { Spam: [[]] });
  const none = await world();
  await none.deliver({ filters: junk });
  await none.deliver({ filters: junk });
  assert.deepEqual(await none.held(), { Junk: [[], []] });
  const { mailboxes, subscribed } = await none.store.mailboxes(access);
  assert.equal(mailboxes.find(({ role }) => role === 'junk')?.name, 'Junk');
  assert.ok(subscribed.includes('Junk'));
});

test('two deliveries that both make the mailbox: both arrive', async () => {
  let asked = 0;
  const { deliver, held } = await world([], (store) => ({
    async mailboxes(given) {
      asked += 1;
      const { mailboxes, ...list } = await store.mailboxes(given);
      // As it was before the first of them.
      return asked === 3
        ? { ...list, mailboxes: mailboxes.filter(({ role }) => role !== 'junk') }
        : { ...list, mailboxes };
    },
  }));
  await deliver({});
  await deliver({ filters: [filter({}, { junk: true })] });
  assert.equal((await deliver({ filters: [filter({}, { junk: true })] })).code, 250);
  assert.equal(asked, 4);
  assert.deepEqual(await held(), { INBOX: [[], []], Junk: [[]] });
});

test('what is discarded is answered and stored nowhere; a line of the log says so', async () => {
  const { deliver, held, log, sentOn } = await world();
  const filters = [filter({}, { discard: true }, { id: 'away' })];
  assert.equal((await deliver({ filters })).code, 250);
  const large = [Buffer.from(LETTER), ...Array.from({ length: 40 }, () => Buffer.alloc(1_000, 65))];
  assert.equal((await deliver({ filters }, large)).code, 250);
  assert.deepEqual([await held(), await sentOn()], [{}, []]);
  const lines = log.entries.filter(({ message }) => message === 'discarded by a filter');
  assert.deepEqual(
    lines.map(({ fields }) => fields.filters),
    [['away'], ['away']],
  );
});

test('what is sent on without a copy waits in the trash, read', async () => {
  const { deliver, held, sentOn } = await world([{ id: 't', name: 'Bin', role: 'trash' }]);
  await deliver({ filters: [filter({}, { discard: true, forward: ['x@far.test'] })] });
  assert.deepEqual(await held(), { Bin: [['\\Seen']] });
  assert.equal((await sentOn()).length, 1);
});

test('what was sent on and comes back is kept and goes nowhere', async () => {
  const { deliver, held, sentOn } = await world();
  const filters = [filter({}, { forward: ['x@far.test'] })];
  await deliver({ filters }, marksField([forwardMark('other'), forwardMark(ME)]) + LETTER);
  assert.deepEqual([await held(), await sentOn()], [{ INBOX: [[]] }, []]);
});

test('what was sent on without a copy and comes back is seen', async () => {
  const { deliver, held, sentOn } = await world([{ id: 't', name: 'Bin', role: 'trash' }]);
  const filters = [filter({}, { discard: true, forward: ['x@far.test'] })];
  await deliver({ filters }, marksField([forwardMark(ME)]) + LETTER);
  assert.deepEqual([await held(), await sentOn()], [{ INBOX: [[]] }, []]);
});

test('text, header and size are found in small and large messages', async () => {
  const { deliver, held } = await world([{ id: 'm1', name: 'Found' }]);
  const long = `${LETTER}${'more and more\r\n'.repeat(3_000)}needle\r\n`;
  const chunks = [];
  for (let at = 0; at < long.length; at += 1_000) chunks.push(Buffer.from(long.slice(at, at + 1_000)));
  await deliver({ filters: [filter({ text: 'NEEDLE' }, { mailbox: 'm1', keywords: ['text'] })] }, chunks);
  const header = { name: 'x-tag', contains: 'two' };
  await deliver({ filters: [filter({ header }, { mailbox: 'm1', keywords: ['header'] })] }, `X-Tag: TWO\r\n${LETTER}`);
  const size = Buffer.byteLength(`Return-Path: <bob@beta.test>\r\nDelivered-To: alice@alpha.test\r\n${LETTER}`);
  await deliver({
    filters: [filter({ larger: size }, { discard: true }), filter({ larger: size - 1 }, { mailbox: 'm1' })],
  });
  assert.deepEqual(await held(), { Found: [['text'], ['header'], []] });
});

test('blocked senders are refused for this account; allowed ones are neither refused nor junk', async () => {
  const { deliver, held } = await world();
  const senders = { allow: [], block: ['@beta.test'] };
  const refused = await deliver({ senders });
  assert.deepEqual([refused.code, refused.enhanced], [550, '7.1']);
  const byHeader = await deliver({ senders }, LETTER, { reversePath: null });
  assert.equal(byHeader.code, 550);
  assert.equal((await deliver({ senders }, LETTER, { to: 'Postmaster' })).code, 250);
  const filters = [filter({}, { junk: true, keywords: ['k'] })];
  assert.equal((await deliver({ senders: { ...senders, allow: ['bob@beta.test'] }, filters })).code, 250);
  assert.deepEqual(await held(), { INBOX: [[], ['k']] });
});

test('rules that can not be evaluated lose nothing', async () => {
  const { deliver, held, log } = await world();
  const broken = {
    when: { subject: 5 },
    then: { discard: true },
    id: 'x',
    name: '',
    enabled: true,
  } as unknown as Filter;
  assert.equal((await deliver({ filters: [broken, filter({}, { discard: true })] })).code, 250);
  const senders = { allow: null, block: null } as unknown as NonNullable<AccountRules['senders']>;
  assert.equal((await deliver({ senders })).code, 250);
  assert.deepEqual(await held(), { INBOX: [[], []] });
  assert.equal(log.entries.filter(({ level }) => level === 'error').length, 2);
});
