import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Ask, type RestAnswer, type RestUser, type RestWorld, restWorld } from '#test/support/rest.ts';
import { authenticatorCode } from '#test/support/second-factor.ts';
import { CODE_LIMITS } from '../../auth/second-factor.ts';

const PATH = '/account/second-factor';
const STEP = 30_000;

let world: RestWorld;
// Each with tries of its own.
beforeEach(async () => {
  world = await restWorld({ config: '[rest]\ntrusted-proxies = ["127.0.0.1"]' });
});
afterEach(() => world.close());

const basic = ({ address }: RestUser, password: string) => ({
  authorization: `Basic ${btoa(`${address}:${password}`)}`,
});
const signIn = (user: RestUser, code?: string, more: Ask = {}): Promise<RestAnswer> => {
  const body = { address: user.address, password: user.password, ...(code !== undefined && { code }) };
  return world.ask(undefined, 'POST', '/session', { body, ...more });
};
const cookieOf = ({ headers, json }: RestAnswer) => ({
  cookie: String(headers['set-cookie']).split(';')[0] as string,
  'x-csrf-token': json.csrf as string,
});
const codeOf = (secret: string, drift = 0): string => authenticatorCode(secret, world.clock.now(), drift);

interface Enrolled {
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
}

async function enrol(user: RestUser, headers?: Record<string, string>): Promise<Enrolled> {
  const who = headers === undefined ? user : undefined;
  const offer = await world.ask(who, 'POST', PATH, { ...(headers && { headers }) });
  assert.equal(offer.status, 200, offer.text);
  const { secret } = offer.json;
  const body = { secret, code: codeOf(secret), password: user.password };
  const on = await world.ask(who, 'PUT', PATH, { body, ...(headers && { headers }) });
  assert.equal(on.status, 200, on.text);
  // The code that confirmed it is used up.
  await world.clock.advance(STEP);
  return { secret, recoveryCodes: on.json.recoveryCodes };
}

async function end(user: RestUser): Promise<void> {
  const { json } = await world.ask(world.admin, 'GET', `/admin/accounts/${user.id}/second-factor`);
  assert.equal(json.enabled, true);
  assert.equal((await world.ask(world.admin, 'DELETE', `/admin/accounts/${user.id}/second-factor`)).status, 204);
}

test('it is turned on with a code and the password, and nothing happens without either', async () => {
  const { alice } = world;
  assert.deepEqual((await world.ask(alice, 'GET', PATH)).json, { enabled: false, recoveryCodes: 0 });
  const offer = (await world.ask(alice, 'POST', PATH)).json;
  assert.match(offer.secret, /^[A-Z2-7]{32}$/);
  assert.match(offer.uri, /^otpauth:\/\/totp\/mail\.alpha\.test:alice%40alpha\.test\?secret=/);
  assert.match(offer.qr, /^<svg.*<\/svg>$/s);
  assert.notEqual((await world.ask(alice, 'POST', PATH)).json.secret, offer.secret, 'one each time');
  const right = { secret: offer.secret, code: codeOf(offer.secret), password: alice.password };
  for (const [wrong, status, path] of [
    [{ password: 'wrong' }, 401, undefined],
    [{ code: codeOf(offer.secret, 2) }, 400, '/body/code'],
    [{ code: '' }, 400, '/body/code'],
    [{ code: 'abcdef' }, 400, '/body/code'],
    [{ secret: 'GEZDGNBV' }, 400, '/body/secret'],
  ] as const) {
    const answer = await world.ask(alice, 'PUT', PATH, { body: { ...right, ...wrong } });
    assert.deepEqual([answer.status, answer.json.errors?.[0].path], [status, path], answer.text);
  }
  assert.equal((await world.ask(alice, 'GET', '/account')).json.secondFactor, false);
  const on = await world.ask(alice, 'PUT', PATH, { body: right });
  assert.equal(on.status, 200, on.text);
  assert.equal(new Set(on.json.recoveryCodes).size, 10);
  assert.deepEqual((await world.ask(alice, 'GET', PATH)).json, { enabled: true, recoveryCodes: 10 });
  assert.equal((await world.ask(alice, 'GET', '/account')).json.secondFactor, true);
  assert.equal((await world.ask(alice, 'POST', PATH)).status, 409);
  assert.equal((await world.ask(alice, 'PUT', PATH, { body: right })).status, 409);
  // The code that confirmed it counts no more, and no answer tells the secret again.
  assert.equal((await signIn(alice, right.code)).status, 401);
  for (const path of [PATH, '/account', '/session', `/admin/accounts/${alice.id}`]) {
    const who = path.startsWith('/admin') ? world.admin : alice;
    const { text } = await world.ask(who, 'GET', path);
    assert.ok(!text.includes(offer.secret) && !text.includes(on.json.recoveryCodes[0]), path);
  }
  await end(alice);
});

test('who knows the password hears that a code is needed; nobody else does', async () => {
  const { alice, bob } = world;
  const { secret } = await enrol(alice);
  const missing = await signIn(alice);
  assert.deepEqual([missing.status, missing.json.code], [401, 'second-factor-required']);
  assert.ok(missing.headers['www-authenticate']);
  assert.equal(missing.headers['set-cookie'], undefined);
  const wrong = await signIn({ ...alice, password: 'wrong' }, codeOf(secret));
  const stranger = await signIn({ ...bob, password: 'wrong' });
  for (const answer of [wrong, stranger]) {
    assert.deepEqual([answer.status, answer.json.code, answer.json.errors], [401, 'bad-credentials', undefined]);
  }
  assert.equal(wrong.json.detail, stranger.json.detail);
  const right = await signIn(alice, codeOf(secret));
  assert.equal(right.status, 201, right.text);
  assert.deepEqual(right.json.account, { id: alice.id, address: alice.address, admin: false, secondFactor: true });
  assert.equal(right.json.recoveryCodes, undefined);
  const { headers } = { headers: cookieOf(right) };
  assert.equal((await world.ask(undefined, 'GET', '/session', { headers })).json.account.secondFactor, true);
  await end(alice);
});

test('a code counts once, within a step of the clock, for its own account', async () => {
  const { alice, bob } = world;
  const { secret } = await enrol(alice);
  const neighbour = await enrol(bob);
  await world.clock.advance(10 * STEP);
  for (const drift of [-3, -2, 2, 3])
    assert.equal((await signIn(alice, codeOf(secret, drift))).status, 401, `${drift}`);
  assert.equal((await signIn(alice, codeOf(neighbour.secret))).status, 401);
  const before = codeOf(secret, -1);
  assert.equal((await signIn(alice, before)).status, 201);
  const again = await signIn(alice, before);
  assert.deepEqual([again.status, again.json.code, again.json.errors[0].path], [401, 'bad-credentials', '/body/code']);
  assert.equal((await signIn(alice, codeOf(secret, 1))).status, 201);
  // One that is older than the last counts no more.
  assert.equal((await signIn(alice, codeOf(secret))).status, 401);
  await world.clock.advance(2 * STEP);
  const code = codeOf(secret);
  const together = await Promise.all(
    Array.from({ length: 8 }, () => signIn(alice, `${code.slice(0, 3)} ${code.slice(3)}`)),
  );
  assert.equal(together.filter(({ status }) => status === 201).length, 1);
  await end(alice);
  await end(bob);
});

test('a recovery code opens once, and the answer tells how many are left', async () => {
  const { alice } = world;
  const { recoveryCodes, secret } = await enrol(alice);
  const [first = '', second = ''] = recoveryCodes;
  const used = await signIn(alice, ` ${first.toUpperCase().replaceAll('-', ' ')} `);
  assert.deepEqual([used.status, used.json.recoveryCodes], [201, 9]);
  assert.equal((await signIn(alice, first)).status, 401);
  const both = await Promise.all([signIn(alice, second), signIn(alice, second)]);
  assert.equal(both.filter(({ status }) => status === 201).length, 1);
  assert.deepEqual((await world.ask(alice, 'GET', PATH)).json, { enabled: true, recoveryCodes: 8 });
  const [line] = await world.directory.audit({ limit: 1 });
  assert.deepEqual([line?.actor, line?.act, line?.target], [alice.address, 'use-recovery-code', alice.address]);
  // New ones take the place of all.
  const renew = (body: object) => world.ask(alice, 'POST', `${PATH}/recovery-codes`, { body });
  assert.equal((await renew({ password: alice.password })).json.code, 'second-factor-required');
  const code = codeOf(secret);
  const renewed = await renew({ password: alice.password, code });
  assert.equal(renewed.json.recoveryCodes.length, 10, renewed.text);
  assert.equal((await signIn(alice, recoveryCodes[5])).status, 401);
  assert.equal((await signIn(alice, code)).status, 401, 'the code that renewed them is used up');
  assert.equal((await signIn(alice, renewed.json.recoveryCodes[5])).status, 201);
  await end(alice);
});

test('guesses are bounded by account, from everywhere together, and recovery codes still let the owner in', async () => {
  const { bob } = world;
  const { secret, recoveryCodes } = await enrol(bob);
  const guess = async (n: number, code: string): Promise<RestAnswer> => {
    const headers = { 'x-forwarded-for': `198.51.${n >> 8}.${n & 255}`, 'x-forwarded-proto': 'https' };
    const answer = signIn(bob, code, { headers });
    let done = false;
    const watch = answer.finally(() => (done = true));
    // Wrong ones are answered late.
    while (!done) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (world.clock.pending > 0) await world.clock.advance(50);
    }
    return watch;
  };
  const wrongs = new Set([-1, 0, 1, 2, 3].map((drift) => codeOf(secret, drift)));
  const wrong = wrongs.has('000000') ? '000001' : '000000';
  let looked = 0;
  let refused: RestAnswer | undefined;
  // Slowly: the limit of the name is by the minute.
  for (let n = 0; refused === undefined && n < 200; n += 1) {
    const answer = await guess(n, wrong);
    if (answer.status === 401) looked += 1;
    else refused = answer;
    await world.clock.advance(20_000);
  }
  const [hour, day] = CODE_LIMITS;
  assert.equal(looked, hour.most);
  assert.deepEqual([refused?.status, refused?.json.code], [429, 'limit-exceeded']);
  assert.equal(refused?.headers['retry-after'], '3600');
  assert.equal((await guess(900, codeOf(secret))).status, 429, 'nor is a right one looked at');
  assert.equal((await guess(901, recoveryCodes[0]!)).status, 201);
  for (let hours = 0; hours < 12; hours += 1) {
    await world.clock.advance(3_600_000);
    for (let n = 0; n < 12; n += 1) {
      if ((await guess(1_000 + hours * 100 + n, wrong)).status === 401) looked += 1;
      await world.clock.advance(20_000);
    }
  }
  assert.ok(looked <= day.most, `${looked} in half a day`);
  // Two days later the owner's code counts again.
  await world.clock.advance(49 * 3_600_000);
  assert.equal((await guess(3_000, codeOf(secret))).status, 201);
  await end(bob);
});

test('guesses that come together are no more than those one after the other', async () => {
  const { bob } = world;
  const { secret } = await enrol(bob);
  const right = new Set([-1, 0, 1].map((drift) => codeOf(secret, drift)));
  const codes = Array.from({ length: 200 }, (_, n) => String(n).padStart(6, '0')).filter((code) => !right.has(code));
  const answers = await Promise.all(codes.map((code) => signIn(bob, code)));
  assert.equal(answers.filter(({ status }) => status === 401).length, CODE_LIMITS[0].most);
  await end(bob);
});

test('the own password opens nothing else; app passwords and tokens go on', async () => {
  const { alice } = world;
  const app = (await world.ask(alice, 'POST', '/account/app-passwords', { body: { name: 'phone' } })).json.password;
  const { secret } = await enrol(alice);
  const { status, json } = await world.ask(undefined, 'GET', '/account', { headers: basic(alice, alice.password) });
  const other = await world.ask(undefined, 'GET', '/account', { headers: basic(alice, 'wrong') });
  assert.deepEqual([status, json.code, json.detail], [401, other.json.code, other.json.detail]);
  assert.ok(
    world.log.some((line) => /second factor/.test(JSON.stringify(line))),
    'the log says why',
  );
  assert.equal((await world.ask(undefined, 'GET', '/account', { headers: basic(alice, app) })).status, 200);
  assert.equal((await world.ask(alice, 'GET', '/account')).status, 200);
  // On the page an app password opens as much as before, without a code.
  const signedIn = await signIn({ ...alice, password: app });
  assert.equal(signedIn.status, 201, signedIn.text);
  assert.ok(!signedIn.json.scopes.includes('account'));
  assert.ok(!JSON.stringify(world.log).includes(secret), 'the log has no secret');
  await end(alice);
  assert.equal((await world.ask(undefined, 'GET', '/account', { headers: basic(alice, alice.password) })).status, 200);
});

test('turning it on ends the other sessions of pages, and stands in the audit log without a secret', async () => {
  const { alice } = world;
  const [here, there] = [cookieOf(await signIn(alice)), cookieOf(await signIn(alice))];
  const { secret, recoveryCodes } = await enrol(alice, here);
  const status = async (headers: Record<string, string>) =>
    (await world.ask(undefined, 'GET', '/session', { headers })).status;
  assert.deepEqual([await status(here), await status(there)], [200, 401]);
  const lines = await world.directory.audit({ limit: 20, target: alice.address });
  assert.equal(lines[0]?.act, 'enable-second-factor');
  assert.ok(![secret, ...recoveryCodes].some((text) => JSON.stringify(lines).includes(text)));
  await end(alice);
  const [last] = await world.directory.audit({ limit: 1 });
  assert.deepEqual(
    [last?.actor, last?.act, last?.target],
    [world.admin.address, 'remove-second-factor', alice.address],
  );
});

test('password and second factor change with a code only', async () => {
  const { alice } = world;
  const { secret } = await enrol(alice);
  const change = (more: object) =>
    world.ask(alice, 'PUT', '/account/password', {
      body: { current: alice.password, password: alice.password, ...more },
    });
  const off = (body: object) => world.ask(alice, 'DELETE', PATH, { body });
  const archive = (more: object) =>
    world.ask(alice, 'POST', '/exports', { body: { withPassword: true, current: alice.password, ...more } });
  for (const ask of [() => change({}), () => off({ password: alice.password }), () => archive({})]) {
    const answer = await ask();
    assert.deepEqual([answer.status, answer.json.code], [401, 'second-factor-required'], answer.text);
  }
  assert.equal((await off({ password: 'wrong', code: codeOf(secret) })).status, 401);
  assert.equal((await off({ password: alice.password, code: codeOf(secret, 2) })).status, 401);
  assert.equal((await change({ code: codeOf(secret) })).status, 204);
  assert.equal((await off({ password: alice.password, code: codeOf(secret) })).status, 401, 'used up');
  await world.clock.advance(STEP);
  assert.equal((await off({ password: alice.password, code: codeOf(secret) })).status, 204);
  assert.deepEqual((await world.ask(alice, 'GET', PATH)).json, { enabled: false, recoveryCodes: 0 });
  assert.equal((await signIn(alice)).status, 201);
});

test('admins see whether it is on', async () => {
  const { alice, admin } = world;
  const path = `/admin/accounts/${alice.id}`;
  assert.equal((await world.ask(admin, 'GET', path)).json.secondFactor, undefined);
  await enrol(alice);
  assert.equal((await world.ask(admin, 'GET', path)).json.secondFactor, true);
  const shown = await world.ask(admin, 'GET', `${path}/second-factor`);
  assert.deepEqual(shown.json, { address: alice.address, enabled: true, recoveryCodes: 10 });
  assert.equal((await world.ask(alice, 'DELETE', `${path}/second-factor`)).status, 403);
  await end(alice);
  // Twice is no more than once.
  assert.equal((await world.ask(admin, 'DELETE', `${path}/second-factor`)).status, 204);
});
