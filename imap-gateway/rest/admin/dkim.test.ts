import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeKey } from '#mail/dkim/key.ts';
import { restWorld } from '#test/support/rest.ts';

const records = new Map<string, string>();
const resolver = () => ({
  txt: async (name: string) => ({
    status: 'ok' as const,
    records: [records.get(name) ?? []].flat(),
    authentic: false,
    ttl: 1,
  }),
});

test('keys are made, seen in DNS, used, retired and removed; nobody is told a private one', async () => {
  const world = await restWorld({ services: (services) => ({ ...services, resolver }) });
  const { admin, alice } = world;
  const at = '/admin/domains/alpha.test/dkim';
  const told: string[] = [];
  const say = async (...args: Parameters<typeof world.ask>): ReturnType<typeof world.ask> => {
    const answer = await world.ask(...args);
    told.push(answer.text);
    return answer;
  };
  try {
    assert.equal((await world.ask(alice, 'GET', at)).status, 403);
    assert.equal((await world.ask(admin, 'GET', '/admin/domains/far.test/dkim')).status, 404);
    const made = await say(admin, 'POST', at, { body: {} });
    assert.equal(made.status, 201);
    const [rsa, ed] = made.json.items;
    assert.deepEqual([rsa.algorithm, ed.algorithm, ed.state], ['rsa-sha256', 'ed25519-sha256', 'published-only']);
    records.set(ed.record.name, ed.record.value);
    const checked = await say(admin, 'POST', `${at}/check`, { body: { sign: true } });
    assert.deepEqual(
      checked.json.items.map((item: { seen: string; state: string }) => [item.seen, item.state]),
      [
        ['missing', 'published-only'],
        ['published', 'signing'],
      ],
    );
    const zone = (await say(admin, 'GET', '/admin/domains/alpha.test/dns')).json.zone;
    assert.ok(zone.includes(`${ed.record.name}. 3600 IN TXT "${ed.record.value}"`), zone);

    const one = `${at}/${ed.selector}`;
    assert.equal((await say(admin, 'DELETE', one)).status, 409);
    assert.equal((await say(admin, 'PATCH', one, { body: { state: 'retired' } })).json.state, 'retired');
    assert.equal((await say(admin, 'DELETE', one)).status, 409);
    assert.equal((await say(admin, 'DELETE', one, { query: { force: 'true' } })).status, 204);
    assert.equal((await say(admin, 'PATCH', one, { body: { state: 'signing' } })).status, 404);

    const key = await makeKey('ed25519-sha256');
    const brought = await say(admin, 'POST', at, { body: { key, state: 'signing' } });
    assert.equal(brought.json.items[0].state, 'signing');
    assert.equal((await say(admin, 'POST', at, { body: { key: 'secret' } })).status, 400);
    assert.equal((await say(admin, 'GET', at)).json.items.length, 2);
    await say(admin, 'GET', '/admin/audit');

    const secrets = (await world.directory.dkimKeys()).map((one) => one.key.split('\n')[1] ?? '');
    for (const secret of [...secrets, key.split('\n')[1] ?? '', 'PRIVATE KEY']) {
      assert.ok(secret !== '' && !told.some((text) => text.includes(secret)));
      assert.ok(!JSON.stringify(world.log).includes(secret));
    }
  } finally {
    await world.close();
  }
});
