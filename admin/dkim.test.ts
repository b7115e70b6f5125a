/** Keys of a domain: made, brought along, found in DNS, replaced; and never told. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { keyName, keyRecord, makeKey, readSigningKey } from '#mail/dkim/key.ts';
import { type Answer, DnsFailure } from '#runtime/dns/resolver.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { FakeClock } from '#test/support/clock.ts';
import { addDkimKeys, checkDkimKeys, listDkimKeys, publishedKeys, removeDkimKey, setDkimState } from './dkim.ts';

const BY = { actor: 'cli' };
const DAY = 86_400_000;
const domain = 'alpha.test';

async function world() {
  const clock = new FakeClock();
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: domain });
  const dns = new Map<string, string[] | 'down'>();
  const resolver = {
    async txt(name: string): Promise<Answer<string>> {
      const records = dns.get(name) ?? [];
      if (records === 'down') throw new DnsFailure('timeout', 'no answer');
      return { status: records.length > 0 ? 'ok' : 'nxdomain', records, authentic: false, ttl: 1 };
    },
  };
  return { rooms: { directory, clock, expire: 5 * DAY, resolver }, clock, directory, dns };
}

test('a rotation: made, published, seen, signing; the old ones retire, and go when nothing needs them', async () => {
  const { rooms, clock, dns, directory } = await world();
  const year = new Date(clock.now()).getUTCFullYear();
  assert.match((await publishedKeys(rooms, domain)).notes.join(), /not signed.*domain dkim add alpha\.test/);

  const { items: first } = await addDkimKeys(rooms, { domain: 'ALPHA.test' }, BY);
  assert.deepEqual(
    first.map(({ selector, algorithm, state, bits }) => [selector, algorithm, state, bits]),
    [
      [`${year}a`, 'rsa-sha256', 'published-only', 2048],
      [`${year}b`, 'ed25519-sha256', 'published-only', 256],
    ],
  );
  const publish = (items: typeof first): void => {
    for (const { record } of items) dns.set(record?.name ?? '', [record?.value ?? '']);
  };
  const states = async (sign: boolean): Promise<string[]> =>
    (await checkDkimKeys(rooms, { domain, sign }, BY)).items.map(
      ({ selector, seen, state }) => `${selector.slice(4)} ${seen} ${state}`,
    );
  assert.deepEqual(await states(true), ['a missing published-only', 'b missing published-only']);
  publish(first);
  assert.deepEqual(await states(false), ['a published published-only', 'b published published-only']);
  assert.deepEqual(await states(true), ['a published signing', 'b published signing']);

  await clock.advance(10 * DAY);
  const { items: second } = await addDkimKeys(rooms, { domain, algorithm: 'rsa-sha256' }, BY);
  publish(second);
  assert.deepEqual(await states(true), ['a published retired', 'b published signing', 'c published signing']);

  const old = { domain, selector: `${year}a` };
  await assert.rejects(removeDkimKey(rooms, old, BY), { failure: 'conflict', message: /until/ });
  await assert.rejects(removeDkimKey(rooms, { domain, selector: `${year}b` }, BY), {
    failure: 'conflict',
    message: /retire/,
  });
  assert.equal((await publishedKeys(rooms, domain)).records.length, 3);
  await clock.advance(12 * DAY);
  const late = await publishedKeys(rooms, domain);
  assert.equal(late.records.length, 2);
  assert.match(late.notes.join(), new RegExp(`nothing needs ${year}a\\._domainkey`));
  await removeDkimKey(rooms, old, BY);
  assert.equal((await listDkimKeys(rooms, domain)).items.length, 2);

  const lines = await directory.audit({ limit: 100 });
  assert.deepEqual(lines.map(({ act }) => act).filter((act) => act === 'remove-dkim-key').length, 1);
  for (const told of [lines, first, second, late]) assert.doesNotMatch(JSON.stringify(told), /PRIVATE|MC4CAQ|MIIE/);
});

test('a key of another server is taken over, signing at once', async () => {
  const { rooms, directory } = await world();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;
  const [added] = (
    await addDkimKeys(rooms, { domain, key, selector: 'Mail', state: 'signing', algorithm: 'rsa-sha256' }, BY)
  ).items;
  assert.deepEqual([added?.selector, added?.state, added?.bits], ['mail', 'signing', 1024]);
  const [kept] = await directory.dkimKeys(domain);
  assert.match(kept?.key ?? '', /^-----BEGIN PRIVATE KEY-----/);
  assert.equal(added?.record?.value, keyRecord(readSigningKey(key)));
});

test('what DNS has instead is told apart', async () => {
  const { rooms, dns } = await world();
  const [added] = (await addDkimKeys(rooms, { domain, algorithm: 'ed25519-sha256', selector: 's' }, BY)).items;
  const other = keyRecord(readSigningKey(await makeKey('ed25519-sha256')));
  const own = added?.record?.value ?? '';
  for (const [records, seen] of [
    [['unrelated'], 'missing'],
    [[other], 'different'],
    [['v=DKIM1; k=ed25519; p='], 'different'],
    [[own, other], 'different'],
    [['unrelated', own], 'published'],
    ['down', 'unanswered'],
  ] as const) {
    dns.set(keyName(domain, 's'), records === 'down' ? records : [...records]);
    const [item] = (await checkDkimKeys(rooms, { domain, sign: seen !== 'published' }, BY)).items;
    assert.deepEqual([item?.seen, item?.state], [seen, 'published-only']);
  }
});

test('refusals say what to do', async () => {
  const { rooms } = await world();
  const key = await makeKey('ed25519-sha256');
  await assert.rejects(addDkimKeys(rooms, { domain: 'far.test' }, BY), { failure: 'not-found' });
  for (const [args, words] of [
    [{ domain, selector: 's' }, /algorithm/],
    [{ domain, key, algorithm: 'rsa-sha256' }, /ed25519/],
    [{ domain, key: 'x' }, /no private key/],
    [{ domain, algorithm: 'ed25519-sha256', selector: 'a_b' }, /no selector/],
  ] as const) {
    await assert.rejects(addDkimKeys(rooms, args, BY), { failure: 'bad-request', message: words });
  }
  await addDkimKeys(rooms, { domain, key, selector: 's', algorithm: 'ed25519-sha256' }, BY);
  await assert.rejects(addDkimKeys(rooms, { domain, algorithm: 'ed25519-sha256', selector: 'S' }, BY), {
    failure: 'exists',
  });
  await assert.rejects(setDkimState(rooms, { domain, selector: 'x', state: 'signing' }, BY), {
    failure: 'not-found',
  });
  await setDkimState(rooms, { domain, selector: 's', state: 'signing' }, BY);
  await assert.rejects(removeDkimKey(rooms, { domain, selector: 's' }, BY), { failure: 'conflict' });
  await removeDkimKey(rooms, { domain, selector: 's', force: true }, BY);
});
