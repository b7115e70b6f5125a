import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { systemRandom } from '#runtime/system.ts';
import { createAccount, findAccount } from '#store/accounts.ts';
import { makeAppPassword } from '#store/app-password.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { makeSecret } from '#store/secret.ts';
import { incomingMoves } from '../move/incoming.ts';
import { moveAccount } from '../move/outgoing.ts';
import { restoreArchive } from './restore.ts';
import { writeArchive } from './write.ts';

const clock = { now: () => Date.UTC(2026, 10, 23) };
const TEXT = 'bcdf-ghjk-mnpq-rstv';
const BOB = 'bob@beta.test';
const FACTOR = new Uint8Array(20).fill(5);

async function peer(domain: string) {
  const store = new MemoryStore({ clock, random: systemRandom });
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: domain });
  const messageSize = Number.POSITIVE_INFINITY;
  return { store, directory, random: systemRandom, clock, shards: 1, quota: 0, messageSize };
}

async function withPhone() {
  const from = await peer('alpha.test');
  const id = await createAccount(from, 'alice@alpha.test', await makeSecret('secret'));
  const made = await makeAppPassword(TEXT, await from.directory.scram('alice@alpha.test'));
  const add = { type: 'add-app-password', id: 'p1', account: id, name: 'phone', scopes: ['imap'], made } as const;
  await from.directory.change(add);
  await from.directory.change({ type: 'set-second-factor', id, secret: FACTOR, recovery: [], lastStep: 7 });
  return { from, account: (await findAccount(from.directory, 'alice@alpha.test'))! };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function hasFactor({ directory }: Awaited<ReturnType<typeof peer>>): Promise<void> {
  const { id } = (await directory.accountNamed(BOB))!;
  const { secret, lastStep } = (await directory.secondFactor(id))!;
  assert.deepEqual([[...secret], lastStep], [[...FACTOR], 7]);
  assert.equal(await directory.authenticate(BOB, 'secret', 'imap'), undefined);
  assert.ok(await directory.authenticate(BOB, 'secret'));
}

test('app passwords and the second factor are in an archive beside the secret, and nowhere else', async () => {
  const { from, account } = await withPhone();
  const secret = (await from.directory.secret(account.id))!;
  const file = await buffer(writeArchive(from, account, { secret }));
  const to = await peer('beta.test');
  await restoreArchive(to, once(file), { address: BOB });
  assert.ok((await to.directory.authenticate(BOB, TEXT, 'imap'))?.appPassword);
  assert.equal(await to.directory.authenticate(BOB, TEXT, 'smtp'), undefined);
  await hasFactor(to);
  // With another password they would never count.
  const other = await peer('beta.test');
  await restoreArchive(other, once(file), { address: BOB, secret: await makeSecret('another') });
  const { id } = (await findAccount(other.directory, BOB))!;
  assert.deepEqual(await other.directory.appPasswords(id), []);
  assert.equal(await other.directory.secondFactor(id), undefined);
  const without = await buffer(writeArchive(from, account));
  assert.ok(!without.includes('phone') && !without.includes('secondFactor'));
});

test('app passwords and the second factor move along', async () => {
  const { from, account } = await withPhone();
  const goal = await peer('beta.test');
  await moveAccount({
    ...from,
    account,
    target: incomingMoves(goal, { actor: 'test' }),
    to: 'https://mail.beta.test',
    as: BOB,
    how: 'forward',
    by: { actor: 'test' },
    signal: new AbortController().signal,
    close: async () => undefined,
    wait: async () => undefined,
    report: () => undefined,
  });
  assert.ok((await goal.directory.authenticate(BOB, TEXT, 'imap'))?.appPassword);
  await hasFactor(goal);
});
