/** Filters, autoreplies, sender lists, DKIM keys: what is kept, what is refused, and what a lookup says of it. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { Autoreply, Filter, SenderLists } from '#store/account-rules.ts';
import type { Directory, Lookup } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { type DirectoryTests, type Ground, refused } from './directory-ground.ts';
import { random } from './fixtures.ts';

const filter = (given: Partial<Filter> = {}): Filter => ({
  id: newId('filter', random),
  name: 'news',
  enabled: true,
  when: { subject: 'news' },
  then: { keywords: ['$seen'] },
  ...given,
});
const rulesOf = async ({ directory, domain }: Ground, localPart: string) => {
  const found: Lookup = await directory.lookup({ localPart, domain });
  assert.equal(found.kind, 'account');
  return found.kind === 'account' ? found.rules : undefined;
};
const pem = (type: 'rsa' | 'ed25519', modulusLength = 1024): string => {
  const { privateKey } =
    type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength }) : generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
};
const addKey = (directory: Directory, domain: string, selector: string, key: string, algorithm = 'ed25519-sha256') =>
  directory.change({ type: 'add-dkim-key', domain, selector, key, algorithm: algorithm as 'ed25519-sha256' });

export const RULES_TESTS: DirectoryTests = {
  'an account without rules has none, and a lookup says those that count': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`ann@${domain}`);
    assert.equal('rules' in (await directory.lookup({ localPart: 'ann', domain })), false);
    const [on1, off] = [filter(), filter({ enabled: false })];
    await directory.change({ type: 'set-filters', id, filters: [on1, off] });
    assert.deepEqual((await directory.account(id))?.filters, [on1, off]);
    assert.deepEqual(await rulesOf(on, 'ann+tag'), { filters: [on1] });
    await directory.change({ type: 'set-autoreply', id, autoreply: { enabled: false, text: '' } });
    assert.deepEqual(await rulesOf(on, 'ann'), { filters: [on1] });
    const autoreply: Autoreply = { enabled: true, text: 'Gone.', from: 5, until: 7, days: 2 };
    await directory.change({ type: 'set-autoreply', id, autoreply });
    await directory.change({
      type: 'set-senders',
      id,
      senders: { allow: ['Ann@GRÜN.test'], block: ['.Bad.test', '@worse.test'] },
    });
    const senders: SenderLists = { allow: ['ann@xn--grn-ioa.test'], block: ['.bad.test', '@worse.test'] };
    assert.deepEqual(await rulesOf(on, 'ann'), { filters: [on1], autoreply, senders });
    const listed = (await directory.accounts()).find((one) => one.id === id);
    assert.deepEqual(Object.keys(listed!).sort(), ['address', 'createdAt', 'id', 'shard', 'state'], 'a list has none');
    await directory.change({ type: 'set-filters', id, filters: [off] });
    await directory.change({ type: 'set-autoreply', id });
    await directory.change({ type: 'set-senders', id, senders: { allow: [], block: [] } });
    assert.equal(await rulesOf(on, 'ann'), undefined);
    assert.deepEqual(Object.keys((await directory.account(id))!).includes('senders'), false);
  },

  'other settings, a new name and a crash leave rules as they are': async (on) => {
    const { directory, domain, account, harness } = on;
    const id = await account(`ann@${domain}`);
    const other = await account(`bob@${domain}`);
    const [one, two] = [filter(), filter({ then: { forward: [`ANN@${domain}`, 'x@else.test'] } })];
    await directory.change({ type: 'set-filters', id, filters: [one] });
    await directory.change({ type: 'set-filters', id: other, filters: [one, two] });
    await directory.change({ type: 'set-admin', id, admin: true });
    await directory.change({ type: 'set-forward', id, forward: { targets: [`bob@${domain}`], keep: true } });
    await directory.change({ type: 'rename-account', id, address: `eve@${domain}`, alias: false });
    await directory.change({ type: 'rename-account', id: other, address: `rob@${domain}`, alias: false });
    const after = harness.crash === undefined ? directory : await harness.crash();
    const [eve, rob] = [await after.account(id), await after.account(other)];
    assert.deepEqual([eve?.filters, eve?.admin, eve?.forward?.targets], [[one], true, [`rob@${domain}`]]);
    assert.deepEqual(rob?.filters, [one, { ...two, then: { forward: [`eve@${domain}`, 'x@else.test'] } }]);
  },

  'filters that are too many, too long or make no sense are refused, and change nothing': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`ann@${domain}`);
    const good = filter();
    const set = (...filters: Filter[]) => directory.change({ type: 'set-filters', id, filters });
    await set(good);
    const long = { subject: 'x'.repeat(900) };
    const bad: Filter[][] = [
      Array.from({ length: 101 }, () => filter()),
      Array.from({ length: 80 }, () => filter({ when: long })),
      [good, good],
      [filter({ id: 'No Id' })],
      [filter({ name: ' ' })],
      [filter({ name: 'a\nb' })],
      [filter({ when: { from: '' } })],
      [filter({ when: { text: 'x'.repeat(1_001) } })],
      [filter({ when: { header: { name: 'a:b', contains: 'x' } } })],
      [filter({ when: { larger: -1 } })],
      [filter({ then: {} })],
      [filter({ then: { mailbox: '../x' } })],
      [filter({ then: { keywords: ['a b'] } })],
      [filter({ then: { mailbox: 'm1', junk: true } })],
      [filter({ then: { junk: true, discard: true } })],
      [filter({ then: { forward: [] } })],
      [filter({ then: { forward: Array.from({ length: 21 }, (_, i) => `u${i}@x.test`) } })],
      [filter({ then: { forward: ['nonsense'] } })],
      [filter({ then: { forward: [`Ann@${domain}`] } })],
    ];
    for (const filters of bad) {
      const shown = JSON.stringify(filters[0]).slice(0, 200);
      await assert.rejects(set(...filters), refused('bad-request'), shown);
    }
    assert.deepEqual((await directory.account(id))?.filters, [good]);
    await set(...Array.from({ length: 100 }, () => filter({ then: {}, stop: true })));
  },

  'an autoreply that is too long or ends before it begins is refused': async ({ directory, domain, account }) => {
    const id = await account(`ann@${domain}`);
    const bad: Partial<Autoreply>[] = [
      { text: 'ü'.repeat(32_769) },
      { html: 'x'.repeat(65_537) },
      { text: ' ' },
      { subject: 'a\r\nBcc: b' },
      { from: 7, until: 7 },
      { from: -1 },
      { until: Number.NaN },
      { days: 0 },
      { days: 91 },
      { days: 1.5 },
    ];
    for (const part of bad) {
      const autoreply = { enabled: true, text: 'Gone.', ...part };
      await assert.rejects(directory.change({ type: 'set-autoreply', id, autoreply }), refused('bad-request'));
    }
    assert.equal((await directory.account(id))?.autoreply, undefined);
    await directory.change({ type: 'set-autoreply', id, autoreply: { enabled: true, text: 'x'.repeat(65_536) } });
  },

  'lists of senders have a shape and an end, those of the peer too': async ({ directory, domain, account }) => {
    const id = await account(`ann@${domain}`);
    const many = (n: number) => Array.from({ length: n }, (_, i) => `u${i}@x.test`);
    const bad: SenderLists[] = [
      { allow: many(1_001), block: [] },
      { allow: [], block: many(1_001) },
      ...['x', '@', '.', '', 'a@b@c', '@a b'].map((pattern) => ({ allow: [], block: [pattern] })),
    ];
    for (const senders of bad) {
      await assert.rejects(directory.change({ type: 'set-senders', id, senders }), refused('bad-request'));
      await assert.rejects(directory.change({ type: 'set-peer-senders', senders }), refused('bad-request'));
    }
    await directory.change({ type: 'set-senders', id, senders: { allow: many(1_000), block: many(1_000) } });
    await directory.change({ type: 'set-peer-senders', senders: { allow: [], block: ['.Spam.test', '.spam.test'] } });
    assert.deepEqual(await directory.peerSenders(), { allow: [], block: ['.spam.test'] });
    await directory.change({ type: 'set-peer-senders', senders: { allow: [], block: [] } });
    assert.deepEqual(await directory.peerSenders(), { allow: [], block: [] });
  },

  'rules are replaced by who has seen them as they are, and senders compare in one form': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`ann@${domain}`);
    const [one, two] = [filter(), filter({ then: { keywords: ['$seen'], mailbox: 'm1' }, stop: true })];
    const lists = { allow: ['@Bücher.example'], block: ['Spam@X.test', '.x.test'] };
    await directory.change({ type: 'set-filters', id, filters: [one], was: [] });
    await directory.change({ type: 'set-filters', id, filters: [two], was: [one] });
    await assert.rejects(directory.change({ type: 'set-filters', id, filters: [], was: [one] }), refused('conflict'));
    assert.deepEqual((await directory.account(id))?.filters, [two]);
    await directory.change({ type: 'set-senders', id, senders: lists, was: { allow: [], block: [] } });
    await directory.change({ type: 'set-peer-senders', senders: lists, was: { allow: [], block: [] } });
    const kept = { allow: ['@xn--bcher-kva.example'], block: ['spam@x.test', '.x.test'] };
    assert.deepEqual([(await directory.account(id))?.senders, await directory.peerSenders()], [kept, kept]);
    const late = { senders: lists, was: { allow: [], block: [] } };
    await assert.rejects(directory.change({ type: 'set-senders', id, ...late }), refused('conflict'));
    await assert.rejects(directory.change({ type: 'set-peer-senders', ...late }), refused('conflict'));
    await directory.change({ type: 'set-peer-senders', senders: { allow: [], block: [] }, was: kept });
  },

  'rules of nobody are refused, and go with their account': async ({ directory, domain, account }) => {
    for (const change of [
      { type: 'set-filters', id: 'nobody', filters: [] },
      { type: 'set-autoreply', id: 'nobody' },
      { type: 'set-senders', id: 'nobody', senders: { allow: [], block: [] } },
    ] as const) {
      await assert.rejects(directory.change(change), refused('no-such-account'), change.type);
    }
    const id = await account(`ann@${domain}`);
    await directory.change({ type: 'set-filters', id, filters: [filter()] });
    await directory.change({ type: 'mark-removing', id });
    await directory.change({ type: 'remove-account', id });
    assert.equal(await directory.account(id), undefined);
    const again = await account(`ann@${domain}`);
    assert.equal((await directory.account(again))?.filters, undefined);
  },

  'DKIM keys come, change their state and go, with their domain at the latest': async ({ directory, domain }) => {
    const [rsa, ed] = [pem('rsa'), pem('ed25519')];
    await addKey(directory, domain.toUpperCase(), 'S1', rsa, 'rsa-sha256');
    await addKey(directory, domain, 's2.sub', ed);
    const keys = await directory.dkimKeys(domain);
    assert.deepEqual(
      keys.map(({ createdAt, since, ...key }) => [createdAt > 1_000_000 && since === createdAt, key]),
      [
        [true, { domain, selector: 's1', algorithm: 'rsa-sha256', key: rsa, state: 'published-only' }],
        [true, { domain, selector: 's2.sub', algorithm: 'ed25519-sha256', key: ed, state: 'published-only' }],
      ],
    );
    await directory.change({ type: 'set-dkim-state', domain, selector: 'S1', state: 'signing' });
    const [changed] = await directory.dkimKeys(domain);
    assert.ok(changed !== undefined && changed.since >= changed.createdAt);
    await directory.change({ type: 'set-dkim-state', domain, selector: 's1', state: 'signing' });
    assert.deepEqual((await directory.dkimKeys(domain))[0], changed);
    const states = async () => (await directory.dkimKeys(domain)).map(({ selector, state }) => [selector, state]);
    assert.deepEqual(await states(), [
      ['s1', 'signing'],
      ['s2.sub', 'published-only'],
    ]);
    await directory.change({ type: 'remove-dkim-key', domain, selector: 's1' });
    assert.deepEqual(await states(), [['s2.sub', 'published-only']]);
    assert.ok((await directory.dkimKeys()).some((key) => key.domain === domain));
    await directory.change({ type: 'remove-domain', name: domain });
    assert.deepEqual(await directory.dkimKeys(domain), []);
  },

  'what is no key, or of no domain of ours, is refused and never quoted': async ({ directory, domain }) => {
    const [rsa, ed] = [pem('rsa'), pem('ed25519')];
    await addKey(directory, domain, 's1', ed);
    await assert.rejects(addKey(directory, domain, 'S1', ed), refused('exists'));
    const small = pem('rsa', 768);
    const wrong: [string, string, string, string][] = [
      ['elsewhere.test', 's2', ed, 'ed25519-sha256'],
      [domain, 's 2', ed, 'ed25519-sha256'],
      [domain, '', ed, 'ed25519-sha256'],
      [domain, '-a', ed, 'ed25519-sha256'],
      [domain, 's2', rsa, 'ed25519-sha256'],
      [domain, 's2', ed, 'rsa-sha256'],
      [domain, 's2', ed, 'rsa-sha1'],
      [domain, 's2', small, 'rsa-sha256'],
      [domain, 's2', 'nonsense', 'rsa-sha256'],
      [domain, 's2', ed.replaceAll('PRIVATE', 'PUBLIC'), 'ed25519-sha256'],
      [domain, 's2', `-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n`, 'ed25519-sha256'],
    ];
    for (const given of wrong) {
      await assert.rejects(addKey(directory, ...given), (error: Error) => {
        assert.doesNotMatch(`${error.message}${String(error.cause)}`, /c2VjcmV0|MC4C|BEGIN/);
        return refused('bad-request')(error);
      });
    }
    const selector = 'none';
    const none = { domain, selector };
    await assert.rejects(directory.change({ type: 'set-dkim-state', ...none, state: 'signing' }), refused('not-found'));
    await assert.rejects(directory.change({ type: 'remove-dkim-key', ...none }), refused('not-found'));
  },
};
