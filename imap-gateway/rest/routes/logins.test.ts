import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeSecret } from '#store/secret.ts';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const logIn = async (user: string, password: string): Promise<number> =>
  (await world.ask(undefined, 'GET', '/account', { headers: { authorization: basic(user, password) } })).status;

interface Line {
  account?: string;
  login: string;
  protocol: string;
  outcome: string;
  count: number;
  token?: { id: string; name?: string };
}
const shown = (lines: readonly Line[]) =>
  lines
    .filter(({ token }) => token === undefined)
    .map(({ account, login, protocol, outcome, count }) => [account, login, protocol, outcome, count]);

test('a user reads the own logins and refusals, an admin all; what may be a password is in none', async () => {
  const alice = 'alice@alpha.test';
  await world.directory.change({
    type: 'set-secret',
    id: (await world.directory.accountNamed(alice))!.id,
    secret: await makeSecret('right horse'),
  });
  assert.equal(await logIn(alice, 'right horse'), 200);
  assert.equal(await logIn('Alice@ALPHA.test', 'right horse'), 200);
  assert.equal(await logIn(alice, 'wrong horse'), 401);
  assert.equal(await logIn('right horse', alice), 401);
  assert.equal(await logIn('eve@alpha.test', 'x'), 401);
  const signIn = await world.ask(undefined, 'POST', '/session', { body: { address: alice, password: 'wrong pony' } });
  assert.equal(signIn.status, 401);
  const unknown = await world.ask(`pp_${'x'.repeat(43)}`, 'GET', '/account');
  assert.equal(unknown.status, 401);
  const own = await world.ask(world.alice, 'GET', '/account/logins');
  assert.equal(own.status, 200, own.text);
  assert.deepEqual(shown(own.json.items), [
    [alice, alice, 'rest', 'refused', 2],
    [alice, alice, 'rest', 'ok', 2],
  ]);
  const tokens = (own.json.items as Line[]).filter(({ token }) => token !== undefined);
  assert.ok(tokens.length === 1 && tokens[0]?.token?.name !== undefined, 'the token that asks');
  const all = await world.ask(world.admin, 'GET', '/admin/logins');
  const strangers = (all.json.items as Line[]).filter(({ account }) => account === undefined);
  assert.deepEqual(
    strangers
      .filter(({ outcome }) => outcome === 'refused')
      .map(({ login, count }) => `${count} ${login}`)
      .toSorted((a, b) => (a < b ? -1 : 1)),
    ['1 an unknown token', '1 eve@alpha.test', '1 not an address'],
  );
  assert.doesNotMatch(all.text + own.text, /horse|pony|xxxx/);
  const { id } = (await world.directory.accountNamed(alice))!;
  const filtered = await world.ask(world.admin, 'GET', '/admin/logins', { query: { account: id } });
  assert.deepEqual(filtered.json.items, own.json.items);
  const first = await world.ask(world.admin, 'GET', '/admin/logins', { query: { account: id, limit: '1' } });
  const next = { account: id, limit: '50', cursor: first.json.next };
  const rest = await world.ask(world.admin, 'GET', '/admin/logins', { query: next });
  assert.deepEqual([...first.json.items, ...rest.json.items], own.json.items);
  assert.equal((await world.ask(world.bob, 'GET', '/account/logins')).text.includes('alice'), false);
  assert.equal((await world.ask(world.alice, 'GET', '/admin/logins')).status, 403);
});
