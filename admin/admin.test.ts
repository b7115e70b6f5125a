/** Each act over stores in memory: what it answers, what it changes, and the line that it leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import { reply } from '#mail/smtp/reply.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { hashToken } from '#store/app-password.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryQueue } from '#store/memory/queue.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { FakeClock } from '#test/support/clock.ts';
import { fakeRandom } from '#test/support/random.ts';
import { renameAccount, resumeAccount, setAdmin, setForward, setMoved, suspendAccount } from './account-settings.ts';
import { addAccount, listAccounts, removeAccount, setPassword, setQuota, showAccount } from './accounts.ts';
import { addAlias, listAliases, removeAlias } from './aliases.ts';
import { addAppPassword, listAppPasswords, removeAppPassword } from './app-passwords.ts';
import { listAudit } from './audit.ts';
import { addDomain, listDomains, removeDomain } from './domains.ts';
import { actOnQueue, listQueue, showQueued } from './queue.ts';
import type { AdminRooms } from './rooms.ts';
import { disconnectSessions, listSessions } from './sessions.ts';
import { addToken, listTokens, removeToken } from './tokens.ts';

const by = { actor: 'root@a.test' };
const BOB = 'bob@a.test';

async function rooms(): Promise<AdminRooms & { readonly coordination: LocalCoordination; readonly clock: FakeClock }> {
  const clock = new FakeClock();
  const random = fakeRandom(3);
  const made = {
    directory: createMemoryDirectory({ clock }),
    store: new MemoryStore({ clock, random }),
    queue: new MemoryQueue({ clock }),
    random,
    clock,
    shards: 1,
    quota: 0,
    coordination: new LocalCoordination(clock),
  };
  await addDomain(made, { domain: 'a.test' }, by);
  return made;
}

async function withBob() {
  const on = await rooms();
  const { id } = await addAccount(on, { address: BOB, password: 'long secret' }, by);
  return { on, id };
}

const failsAs = (failure: string) => (error: unknown) => error instanceof MailError && error.failure === failure;

/** Newest first: act, target, detail. */
const audited = async (on: AdminRooms, limit: number) =>
  (await listAudit(on, { limit })).items.map(({ act, target, detail }) => [act, target, ...(detail ? [detail] : [])]);

test('domains and aliases', async () => {
  const on = await rooms();
  await addDomain(on, { domain: 'A.test' }, by);
  assert.deepEqual(
    (await listDomains(on)).items.map(({ domain }) => domain),
    ['a.test'],
  );
  await addAlias(on, { address: '@a.test', targets: ['x@else.test'] }, by);
  assert.deepEqual((await listAliases(on)).items[0]?.targets, ['x@else.test']);
  await assert.rejects(removeDomain(on, 'a.test', by), failsAs('conflict'));
  await removeAlias(on, '@a.test', by);
  await removeDomain(on, 'a.test', by);
  assert.deepEqual(await audited(on, 10), [
    ['remove-domain', 'a.test'],
    ['remove-alias', '@a.test', { targets: ['x@else.test'] }],
    ['add-alias', '@a.test', { targets: ['x@else.test'] }],
    ['add-domain', 'a.test'],
  ]);
});

test('an account is made, shown, given a quota and removed; one line each', async () => {
  const { on, id } = await withBob();
  await addAlias(on, { address: 'team@a.test', targets: ['Bob@a.test', 'x@else.test'] }, by);
  await setQuota(on, { address: BOB, bytes: 5_000 }, by);
  const shown = await showAccount(on, 'BOB@a.test');
  assert.deepEqual(shown, {
    address: BOB,
    id,
    state: 'active',
    createdAt: '2030-01-01T00:00:00.000Z',
    quota: { used: 0, limit: 5_000, messages: 0 },
    aliases: ['team@a.test'],
    appPasswords: 0,
    tokens: 0,
  });
  await setQuota(on, { address: BOB, bytes: null }, by);
  assert.equal((await showAccount(on, BOB)).quota?.limit, null);
  for (const bytes of [0, -1, 1.5]) {
    await assert.rejects(setQuota(on, { address: BOB, bytes }, by), failsAs('bad-request'));
  }
  await assert.rejects(showAccount(on, 'nobody@a.test'), failsAs('no-such-account'));
  await removeAccount(on, BOB, by);
  assert.deepEqual((await listAccounts(on)).items, []);
  assert.deepEqual(await audited(on, 5), [
    ['remove-account', BOB],
    ['set-quota', BOB, { bytes: null }],
    ['set-quota', BOB, { bytes: 5_000 }],
    ['add-alias', 'team@a.test', { targets: ['Bob@a.test', 'x@else.test'] }],
    ['add-account', BOB],
  ]);
});

test('settings of an account', async () => {
  const { on } = await withBob();
  assert.equal((await setAdmin(on, { address: BOB, admin: true }, by)).admin, true);
  assert.equal((await setAdmin(on, { address: BOB, admin: false }, by)).admin, undefined);
  const forward = { targets: ['x@else.test'], keep: true };
  assert.deepEqual((await setForward(on, { address: BOB, forward }, by)).forward, forward);
  assert.equal((await setForward(on, { address: BOB }, by)).forward, undefined);
  const moved = { to: 'bob@else.test', how: 'reject' } as const;
  assert.deepEqual((await setMoved(on, { address: BOB, moved }, by)).moved, moved);
  assert.equal((await setMoved(on, { address: BOB }, by)).moved, undefined);
  const renamed = await renameAccount(on, { address: BOB, to: 'robert@a.test', alias: true }, by);
  assert.equal(renamed.address, 'robert@a.test');
  assert.deepEqual((await showAccount(on, 'robert@a.test')).aliases, [BOB]);
  assert.deepEqual(await audited(on, 3), [
    ['rename-account', BOB, { to: 'robert@a.test', alias: true }],
    ['set-moved', BOB],
    ['set-moved', BOB, moved],
  ]);
});

test('a suspended account loses what it has open, in every protocol, and nobody else does', async () => {
  const { on } = await withBob();
  const ended: string[] = [];
  const open = (id: string, login?: string) =>
    on.coordination.session(
      { id, program: 'mta', protocol: 'smtp', remote: '192.0.2.1', since: 0, ...(login !== undefined && { login }) },
      () => ended.push(id),
    );
  await open('s1', 'Bob@a.test');
  await open('s2', 'eve@a.test');
  await open('s3');
  assert.equal((await suspendAccount(on, BOB, by)).suspended, true);
  assert.deepEqual(ended, ['s1']);
  await assert.rejects(on.directory.authenticate(BOB, 'long secret'), failsAs('not-permitted'));
  assert.equal((await resumeAccount(on, BOB, by)).suspended, undefined);
  assert.ok(await on.directory.authenticate(BOB, 'long secret'));
});

test('app passwords are shown once, and outlive a new password', async () => {
  const { on } = await withBob();
  const added = await addAppPassword(on, { address: BOB, name: 'phone', scopes: ['imap'] }, by);
  assert.match(added.password, /^([bcdfghjkmnpqrstvwxyz]{4}-){3}[bcdfghjkmnpqrstvwxyz]{4}$/);
  await setPassword(on, { address: BOB, password: 'other secret' }, by);
  for (const password of ['', 'x'.repeat(1025)]) {
    await assert.rejects(setPassword(on, { address: BOB, password }, by), { failure: 'bad-request' });
  }
  const short = setPassword(on, { address: BOB, password: '7 signs' }, { actor: BOB });
  await assert.rejects(short, /at least 8 characters/);
  assert.equal((await on.directory.authenticate(BOB, added.password, 'imap'))?.appPassword, added.id);
  assert.ok(await on.directory.authenticate(BOB, 'other secret'));
  assert.equal(await on.directory.authenticate(BOB, 'long secret'), undefined);
  const { items } = await listAppPasswords(on, BOB);
  assert.deepEqual(items, [{ id: added.id, name: 'phone', scopes: ['imap'], createdAt: '2030-01-01T00:00:00.000Z' }]);
  const account = (await on.directory.accountNamed(BOB))!.id;
  for (const [id, scopes] of [
    ['own', ['mail:read', 'account']],
    ['by-app-password', ['mail:read']],
  ] as const) {
    const token = { id, account, name: 'page', kind: 'session', scopes } as const;
    await on.directory.change({ type: 'add-token', token, hash: Buffer.from(id.padEnd(32)) });
  }
  await removeAppPassword(on, { address: BOB, password: 'phone' }, by);
  assert.deepEqual(
    (await on.directory.tokens(account)).map(({ id }) => id),
    ['own'],
  );
  assert.equal(await on.directory.authenticate(BOB, added.password, 'imap'), undefined);
  await assert.rejects(removeAppPassword(on, { address: BOB, password: 'phone' }, by), failsAs('not-found'));
  assert.deepEqual(await audited(on, 3), [
    ['remove-app-password', BOB, { name: 'phone' }],
    ['set-secret', BOB],
    ['add-app-password', BOB, { name: 'phone', scopes: ['imap'] }],
  ]);
  assert.ok(!JSON.stringify(await listAudit(on, { limit: 50 })).includes(added.password));
});

test('tokens are shown once, found by their text, and removed by name or id', async () => {
  const { on } = await withBob();
  const scopes = ['mail:read'] as const;
  const own = await addToken(on, { name: 'backup', account: BOB, scopes, expiresAt: on.clock.now() + 86_400_000 }, by);
  const peer = await addToken(on, { name: 'backup', scopes: ['admin'], networks: ['192.0.2.0/24'] }, by);
  assert.equal((await on.directory.token(hashToken(own.token)!))?.id, own.id);
  assert.equal(hashToken('pp_short'), undefined);
  const { items } = await listTokens(on);
  assert.deepEqual(items, [
    {
      id: own.id,
      name: 'backup',
      kind: 'api',
      createdAt: '2030-01-01T00:00:00.000Z',
      account: BOB,
      scopes: ['mail:read'],
      expiresAt: '2030-01-02T00:00:00.000Z',
    },
    {
      id: peer.id,
      name: 'backup',
      kind: 'api',
      createdAt: '2030-01-01T00:00:00.000Z',
      scopes: ['admin'],
      networks: ['192.0.2.0/24'],
    },
  ]);
  assert.deepEqual(
    (await listTokens(on, { account: BOB })).items.map(({ id }) => id),
    [own.id],
  );
  await assert.rejects(removeToken(on, { token: 'backup' }, by), failsAs('bad-request'));
  await removeToken(on, { token: 'backup', account: BOB }, by);
  assert.equal(await on.directory.token(hashToken(own.token)!), undefined);
  await removeToken(on, { token: 'backup' }, by);
  await assert.rejects(removeToken(on, { token: 'backup' }, by), failsAs('not-found'));
  await assert.rejects(addToken(on, { name: 'x', scopes: [] }, by), failsAs('bad-request'));
  const [newest] = await audited(on, 1);
  assert.deepEqual(newest, ['remove-token', 'backup', { kind: 'api', scopes: ['admin'] }]);
});

async function enqueue(on: AdminRooms, id: string, from: string | null, ...to: string[]): Promise<void> {
  await on.queue.enqueue({
    id,
    deliveryId: id,
    reversePath: from === null ? null : parseAddress(from),
    bodyType: '7bit',
    smtputf8: false,
    arrivedAt: 1_000,
    expiresAt: 1_000_000,
    recipients: to.map((address) => ({ address: parseAddress(address) })),
    content: { data: Buffer.from('x') },
  });
}

test('the queue: listed by state, domain and sender; acted on by id, filter and as a whole', async () => {
  const on = await rooms();
  await enqueue(on, 'q1', 'a@a.test', 'x@else.test', 'y@far.test');
  await enqueue(on, 'q2', 'b@a.test', 'z@far.test');
  await enqueue(on, 'q3', null, 'z@else.test');
  const lastReply = reply(450, '2.0', 'later');
  await on.queue.settle(
    'q2',
    [{ index: 0, at: 2_000, reply: lastReply, verdict: 'deferred', nextAttemptAt: 9_000 }],
    [],
  );
  await actOnQueue(on, { act: 'hold', what: ['q3'] }, by);
  const ids = async (...args: Parameters<typeof listQueue> extends [unknown, ...infer R] ? R : never) =>
    (await listQueue(on, ...args)).items.map(({ id }) => id).join(' ');
  assert.equal(await ids(), 'q1 q2 q3');
  assert.equal(await ids({ state: 'held' }), 'q3');
  assert.equal(await ids({ state: 'waiting' }), 'q1 q2');
  assert.equal(await ids({ state: 'deferred' }), 'q2');
  assert.equal(await ids({ domain: 'Far.test' }), 'q1 q2');
  assert.equal(await ids({ sender: '@A.test' }), 'q1 q2');
  assert.equal(await ids({ sender: 'b@a.test', domain: 'far.test' }), 'q2');
  assert.equal(await ids({ sender: '<>' }), 'q3');
  assert.equal(await ids({}, { after: 'q1', limit: 1 }), 'q2');
  const [recipient] = (await showQueued(on, 'q2')).recipients;
  assert.deepEqual(recipient, {
    address: 'z@far.test',
    state: 'pending',
    attempts: 1,
    nextAttemptAt: '1970-01-01T00:00:09.000Z',
    lastAttemptAt: '1970-01-01T00:00:02.000Z',
    lastReply: '450 4.2.0 later',
  });
  await assert.rejects(showQueued(on, 'none'), failsAs('no-such-message'));
  assert.deepEqual(await actOnQueue(on, { act: 'drop', what: { domain: 'far.test' } }, by), { items: ['q1', 'q2'] });
  assert.deepEqual(await actOnQueue(on, { act: 'drop', what: { domain: 'far.test' } }, by), { items: [] });
  await assert.rejects(actOnQueue(on, { act: 'release', what: ['q3', 'none'] }, by), failsAs('no-such-message'));
  assert.equal((await showQueued(on, 'q3')).held, false);
  assert.deepEqual(await actOnQueue(on, { act: 'drop', what: 'all' }, by), { items: ['q3'] });
  assert.deepEqual(await audited(on, 4), [
    ['drop-queue', 'q3', { ids: ['q3'] }],
    ['release-queue', 'q3', { ids: ['q3'] }],
    ['drop-queue', '2 messages', { ids: ['q1', 'q2'], filter: { domain: 'far.test' } }],
    ['hold-queue', 'q3', { ids: ['q3'] }],
  ]);
});

test('sessions: listed with their login, ended by id or filter', async () => {
  const on = await rooms();
  const ended: string[] = [];
  const base = { program: 'imap-gateway', protocol: 'imaps', remote: '192.0.2.1', since: 5 };
  await on.coordination.session({ ...base, id: 's1' }, () => ended.push('s1'));
  await on.coordination.session({ ...base, id: 's1', login: BOB }, () => ended.push('s1'));
  await on.coordination.session({ ...base, id: 's2', since: 1, protocol: 'imap' }, () => ended.push('s2'));
  assert.deepEqual((await listSessions(on)).items, [
    { ...base, id: 's2', since: '1970-01-01T00:00:00.001Z', protocol: 'imap' },
    { ...base, id: 's1', since: '1970-01-01T00:00:00.005Z', login: BOB },
  ]);
  assert.deepEqual((await listSessions(on, { login: 'BOB@a.test' })).items.length, 1);
  assert.deepEqual(await disconnectSessions(on, { filter: { protocol: 'imap' } }, by), { items: ['s2'] });
  await assert.rejects(disconnectSessions(on, { ids: ['s1', 'none'] }, by), failsAs('not-found'));
  assert.deepEqual([...new Set(ended)], ['s2', 's1']);
  assert.deepEqual(await audited(on, 2), [
    ['disconnect', 's1', { ids: ['s1'] }],
    ['disconnect', 's2', { filter: { protocol: 'imap' }, ids: ['s2'] }],
  ]);
  const { coordination: _, ...resting } = on;
  await assert.rejects(listSessions(resting), failsAs('unavailable'));
});
