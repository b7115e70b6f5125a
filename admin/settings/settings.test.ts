/** Over stores in memory, with settings made by chance; PEERPOST_SEED repeats a run. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryQueue } from '#store/memory/queue.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { FakeClock } from '#test/support/clock.ts';
import { fakeRandom, generator } from '#test/support/random.ts';
import type { AdminRooms } from '../rooms.ts';
import { applySettings } from './apply.ts';
import { exportSettings } from './export.ts';
import { planSettings } from './plan.ts';
import { type AccountSettings, canonical, parseSettings, type Settings } from './settings.ts';

const by = { actor: 'root@a.test' };
const all = { dryRun: false, prune: true };

function rooms(): AdminRooms {
  const clock = new FakeClock();
  const random = fakeRandom(3);
  const directory = createMemoryDirectory({ clock });
  const queue = new MemoryQueue({ clock });
  return { directory, store: new MemoryStore({ clock, random }), queue, random, clock, shards: 1, quota: 0 };
}

const settings = (some: Partial<Settings>): Settings => ({
  version: 1,
  domains: [],
  domainAliases: [],
  accounts: [],
  aliases: [],
  ...some,
});

const FIRST = settings({
  domains: ['b.test', 'a.test'],
  accounts: [
    { address: 'Zoe@a.test', quota: null },
    {
      address: 'bob@a.test',
      quota: 5_000_000,
      admin: true,
      forward: { targets: ['x@else.test', 'al@b.test'], keep: true },
    },
    { address: 'al@b.test', quota: null, suspended: true, moved: { to: 'al@new.test', how: 'reject' } },
  ],
  aliases: [
    { address: 'team@a.test', targets: ['zoe@a.test', 'bob@a.test'] },
    { address: '@b.test', targets: ['team@a.test'] },
  ],
});

const acts = (changes: readonly { act: string; kind: string; target: string }[]): string[] =>
  changes.map(({ act, kind, target }) => `${act} ${kind} ${target}`);

test('an empty peer becomes what is wanted; each step leaves its line; twice changes nothing', async () => {
  const on = rooms();
  const done = await applySettings(on, FIRST, all, by);
  assert.deepEqual([done.complete, done.kept.length, done.passwords.length], [true, 0, 3]);
  assert.deepEqual(acts(done.done), [
    'add domain a.test',
    'add domain b.test',
    'add account al@b.test',
    'add account bob@a.test',
    'add account Zoe@a.test',
    'add alias team@a.test',
    'add alias @b.test',
  ]);
  assert.deepEqual(await exportSettings(on), canonical(FIRST));
  const lines = await on.directory.audit({ limit: 50 });
  assert.deepEqual([...new Set(lines.map(({ actor }) => actor))], [by.actor]);
  assert.equal(lines.filter(({ act }) => act === 'add-account').length, 3);
  const told = JSON.stringify([lines, await exportSettings(on)]);
  for (const { password } of done.passwords) assert.ok(!told.includes(password));
  const bob = done.passwords.find((made) => made.address === 'bob@a.test');
  assert.ok(await on.directory.authenticate('bob@a.test', bob?.password ?? ''));
  const again = await applySettings(on, await exportSettings(on), all, by);
  assert.deepEqual([again.done, again.kept, again.passwords], [[], [], []]);
  assert.equal((await on.directory.audit({ limit: 50 })).length, lines.length);
});

test('a plan says what changes; removals wait for prune, and dry runs do nothing', async () => {
  const on = rooms();
  await applySettings(on, FIRST, all, by);
  const wanted = settings({
    domains: ['a.test'],
    accounts: [{ address: 'BOB@a.test', quota: null }, { address: 'zoe@a.test' }],
    aliases: [{ address: 'team@a.test', targets: ['zoe@a.test'] }],
  });
  const { changes, problems } = await planSettings(on, wanted, { prune: true });
  assert.deepEqual(problems, []);
  assert.deepEqual(acts(changes), [
    'change account bob@a.test',
    'change alias team@a.test',
    'remove alias @b.test',
    'remove account al@b.test',
    'remove domain b.test',
  ]);
  assert.deepEqual(
    [changes[0]?.before, changes[0]?.after],
    [
      { quota: 5_000_000, admin: true, forward: { targets: ['al@b.test', 'x@else.test'], keep: true } },
      { quota: null, admin: false, forward: null },
    ],
  );
  assert.deepEqual(
    changes.map(({ destructive }) => destructive),
    [undefined, undefined, true, true, true],
  );
  const before = await exportSettings(on);
  assert.deepEqual((await applySettings(on, wanted, { dryRun: true, prune: true }, by)).done, changes);
  assert.deepEqual(await exportSettings(on), before);
  const kept = await applySettings(on, wanted, { dryRun: false, prune: false }, by);
  assert.deepEqual(acts(kept.kept), ['remove alias @b.test', 'remove account al@b.test', 'remove domain b.test']);
  assert.equal((await exportSettings(on)).accounts.length, 3);
  await applySettings(on, wanted, all, by);
  assert.deepEqual((await exportSettings(on)).domains, ['a.test']);
});

test('what can not be is found before anything is changed', async () => {
  const on = rooms();
  await applySettings(on, FIRST, all, by);
  const before = await exportSettings(on);
  const problem = async (some: Partial<Settings>, prune = false): Promise<string> => {
    const { problems } = await planSettings(on, settings({ domains: ['c.test'], ...some }), { prune });
    const refused = applySettings(on, settings({ domains: ['c.test'], ...some }), { dryRun: false, prune }, by);
    await assert.rejects(refused, (error) => error instanceof MailError && error.failure === 'bad-request');
    return problems.map(({ target, message }) => `${target} ${message}`).join('; ');
  };
  const account = (address: string, more: Partial<AccountSettings> = {}) => ({ accounts: [{ address, ...more }] });
  const alias = (address: string, ...targets: string[]) => ({ aliases: [{ address, targets }] });
  assert.match(await problem(account('x@d.test')), /^x@d\.test its domain d\.test is not among the domains$/);
  assert.match(await problem(account('x@a.test'), true), /not among the domains/);
  assert.match(await problem(account('team@a.test')), /^team@a\.test is an alias now, which goes only with prune$/);
  assert.match(await problem(alias('bob@a.test', 'zoe@a.test')), /is an account now/);
  assert.match(await problem({ ...account('x@c.test'), ...alias('X@c.test', 'y@c.test') }), /stands there twice/);
  assert.match(
    await problem(account('x@c.test', { forward: { targets: ['X@c.test'], keep: true } })),
    /lead to itself/,
  );
  assert.match(
    await problem({
      aliases: [
        { address: 'p@c.test', targets: ['q@c.test'] },
        { address: 'q@c.test', targets: ['p@c.test'] },
      ],
    }),
    /leads back to itself/,
  );
  assert.deepEqual((await exportSettings(on)).accounts, before.accounts);
  assert.throws(() => parseSettings('{'), /no JSON/);
  assert.throws(
    () => parseSettings('{"version":1,"domains":[],"accounts":[{"adress":"x"}],"aliases":[]}'),
    /\/accounts\/0/,
  );
  assert.throws(() => parseSettings('{"version":2,"domains":[],"accounts":[],"aliases":[]}'), /version/);
});

test('an alias and an account change places with prune alone', async () => {
  const on = rooms();
  await applySettings(on, FIRST, all, by);
  const { accounts, domains } = FIRST;
  const swapped = settings({
    domains,
    accounts: [...accounts.slice(1), { address: 'team@a.test', quota: null }],
    aliases: [{ address: 'zoe@a.test', targets: ['team@a.test'] }],
  });
  await applySettings(on, swapped, all, by);
  assert.deepEqual(await exportSettings(on), canonical(swapped));
});

test('aliases that exchange their roles never make a circle on the way', async () => {
  const on = rooms();
  const chain = (...names: string[]) =>
    settings({
      domains: ['a.test'],
      aliases: names.map((name, i) => ({ address: `${name}@a.test`, targets: [`${names[i + 1] ?? 'end'}@a.test`] })),
    });
  for (const order of [
    ['x', 'y', 'z'],
    ['z', 'y', 'x'],
    ['y', 'x', 'z'],
    ['z', 'x'],
    ['x', 'z'],
  ]) {
    await applySettings(on, chain(...order), all, by);
    assert.deepEqual(await exportSettings(on), canonical(chain(...order)), order.join());
  }
});

test('what ends in the middle says how far it came, and the next run completes it', async () => {
  const on = rooms();
  let left = 5;
  const change: AdminRooms['directory']['change'] = (...args) => {
    if (left-- <= 0) return Promise.reject(new MailError('unavailable', 'the writer is away'));
    return on.directory.change(...args);
  };
  const directory = new Proxy(on.directory, {
    get: (target, name) => (name === 'change' ? change : Reflect.get(target, name).bind(target)),
  });
  let runs = 0;
  for (let complete = false; !complete; runs++) {
    left = 5;
    const done = await applySettings({ ...on, directory }, FIRST, all, by);
    complete = done.complete;
    if (!complete) assert.deepEqual([done.failed?.code, done.failed?.message], ['unavailable', 'the writer is away']);
    assert.ok(runs < 10);
  }
  assert.ok(runs > 1);
  assert.deepEqual(await exportSettings(on), canonical(FIRST));
});

const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');

test(`any settings become any others, seed ${seed}`, async () => {
  const next = generator(seed);
  for (let round = 0; round < 12; round++) {
    const on = rooms();
    for (let step = 0; step < 4; step++) {
      const wanted = someSettings(next);
      const plan = await planSettings(on, wanted, { prune: true });
      if (plan.problems.length > 0) continue;
      const done = await applySettings(on, wanted, all, by);
      assert.ok(done.complete, `round ${round}: ${JSON.stringify(done.failed)}`);
      assert.deepEqual(done.done, plan.changes);
      assert.deepEqual(await exportSettings(on), canonical(wanted));
      assert.deepEqual((await planSettings(on, await exportSettings(on), { prune: true })).changes, []);
    }
    const copy = rooms();
    await applySettings(copy, await exportSettings(on), all, by);
    assert.deepEqual(await exportSettings(copy), await exportSettings(on));
  }
});

/** Few names, so that they meet often. */
function someSettings(next: () => number): Settings {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const domains = ['a.test', 'b.test', 'c.test'].filter(() => next() < 0.8);
  const accounts: AccountSettings[] = [];
  const aliases: { address: string; targets: string[] }[] = [];
  const anybody = (): string => `${pick(['u', 'v', 'w', 'x', 'y'])}@${pick(['a.test', 'b.test', 'else.test'])}`;
  for (const domain of domains) {
    for (const local of ['u', 'v', 'w', 'x', 'y']) {
      const address = `${next() < 0.2 ? local.toUpperCase() : local}@${domain}`;
      const others = [anybody(), anybody()].filter((other) => other !== address.toLowerCase());
      if (next() < 0.3)
        aliases.push({ address: address.toLowerCase(), targets: others.length > 0 ? others : ['z@else.test'] });
      // Hashing passwords is slow on purpose.
      else if (next() < 0.12) {
        accounts.push({
          address: address.toLowerCase(),
          quota: next() < 0.5 ? null : Math.ceil(next() * 1e9),
          ...(next() < 0.3 && { admin: true }),
          ...(next() < 0.3 && { suspended: true }),
          ...(next() < 0.3 && others.length > 0 && { forward: { targets: others, keep: next() < 0.5 } }),
          ...(next() < 0.2 && { moved: { to: 'm@else.test', how: pick(['forward', 'reject'] as const) } }),
        });
      }
    }
  }
  const domainAliases = domains
    .map((domain) => ({ domain, aliasOf: pick(domains) }))
    .filter(({ domain, aliasOf }) => domain !== aliasOf && next() < 0.25);
  return { version: 1, domains, domainAliases, accounts, aliases };
}

test('domains stand for others as the document says, in whatever order that takes', async () => {
  const on = rooms();
  const of = (domains: string[], aliases: Record<string, string>) =>
    settings({ domains, domainAliases: Object.entries(aliases).map(([domain, aliasOf]) => ({ domain, aliasOf })) });
  const apply = async (wanted: Settings) => {
    const done = await applySettings(on, wanted, all, by);
    assert.deepEqual([done.complete, await exportSettings(on)], [true, canonical(wanted)], JSON.stringify(done.failed));
    return done;
  };
  const five = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test'];
  const first = await apply(of(five, { 'a.test': 'e.test', 'B.test': 'E.test' }));
  assert.deepEqual(acts(first.done).slice(3), ['add domain a.test', 'add domain b.test'].toSorted());
  assert.equal((await apply(of(five, { 'a.test': 'e.test', 'b.test': 'e.test' }))).done.length, 0);
  const second = await apply(of(five, { 'e.test': 'a.test', 'b.test': 'a.test', 'c.test': 'a.test' }));
  assert.deepEqual(acts(second.done), [
    'change domain a.test',
    'change domain b.test',
    'change domain c.test',
    'change domain e.test',
  ]);
  assert.deepEqual(second.done[1]?.after, { aliasOf: 'a.test' });
  await apply(of(['a.test', 'd.test'], { 'a.test': 'd.test' }));
  await apply(of(['f.test'], {}));
  // A document that says nothing of it leaves it as it is.
  await apply(of(five, { 'a.test': 'b.test' }));
  const { domainAliases: _, ...silent } = of(five, {});
  assert.equal((await applySettings(on, silent, all, by)).done.length, 0);
});

test('domains that can not stand for another are told before anything is done', async () => {
  const on = rooms();
  const two = { domains: ['a.test', 'b.test'], domainAliases: [{ domain: 'a.test', aliasOf: 'b.test' }] };
  await applySettings(on, settings(two), all, by);
  const refused = async (domainAliases: { domain: string; aliasOf: string }[], message: RegExp, prune = true) => {
    const domains = prune ? ['a.test', 'b.test', 'c.test'] : ['b.test', 'c.test'];
    const wanted = settings({ domains, domainAliases });
    const { problems } = await planSettings(on, wanted, { prune });
    assert.match(problems.map(({ target, message: text }) => `${target} ${text}`).join(), message);
    await assert.rejects(applySettings(on, wanted, { dryRun: false, prune }, by), { failure: 'bad-request' });
  };
  const alias = (domain: string, aliasOf: string) => ({ domain, aliasOf });
  await refused([alias('a.test', 'a.test')], /a\.test can not be an alias of itself/);
  await refused([alias('a.test', 'x.test')], /a\.test is an alias of x\.test, which is not among the domains/);
  await refused([alias('x.test', 'a.test')], /x\.test is not among the domains/);
  await refused(
    [alias('a.test', 'b.test'), alias('b.test', 'c.test')],
    /a\.test is an alias of b\.test, which is an alias itself/,
  );
  await refused([alias('a.test', 'b.test'), alias('a.test', 'c.test')], /a\.test is an alias twice/);
  await refused([alias('b.test', 'c.test')], /a\.test is an alias of b\.test, which is an alias itself/, false);
});
