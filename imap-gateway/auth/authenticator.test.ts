import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { fakeRandom } from '#test/support/random.ts';
import { createAuthenticator } from './authenticator.ts';

function setUp(exemptNetworks: readonly string[] = []) {
  const clock = new FakeClock();
  const counts = new Map<string, number>();
  const asked: string[] = [];
  const notes: unknown[] = [];
  const auth = createAuthenticator({
    use: 'imap',
    directory: {
      authenticate: async (login, password) => {
        asked.push(login);
        return password === 'right' ? { account: 'a', address: login } : undefined;
      },
      noteUse: () => undefined,
      noteLogin: ({ login, outcome, account, protocol, remote }) => {
        notes.push([login, protocol, remote, outcome, account]);
      },
      accountNamed: async () => undefined,
      scram: async () => ({
        login: undefined,
        salt: new Uint8Array(1),
        iterations: 1,
        storedKey: new Uint8Array(1),
        serverKey: new Uint8Array(1),
      }),
    },
    coordination: {
      count: async (key, amount) => {
        counts.set(key, (counts.get(key) ?? 0) + amount);
        return counts.get(key) ?? 0;
      },
    },
    clock,
    random: fakeRandom(),
    log: silentLog,
    failuresPerMinute: 2,
    exemptNetworks,
  });
  const attempt = (password: string, remote = '192.0.2.1') =>
    auth.finish({ kind: 'password', username: 'bob@beta.test', authzid: '', password }, remote);
  return { auth, attempt, clock, counts, asked, notes };
}

test('a right password answers at once, and counts no failure', async () => {
  const { attempt, counts, notes } = setUp();
  assert.deepEqual(await attempt('right'), { account: 'a', address: 'bob@beta.test' });
  assert.deepEqual(notes, [['bob@beta.test', 'imap', '192.0.2.1', 'ok', 'a']]);
  assert.ok([...counts].every(([key, count]) => count === 0 || key.startsWith('auth-ok:')));
});

test('failures come later each time, and then nothing is looked at any more', async () => {
  const { auth, attempt, clock, asked, notes } = setUp();
  for (const delay of [500, 1000]) {
    let failed = false;
    const attempted = assert.rejects(attempt('wrong'), { failure: 'bad-credentials' }).then(() => {
      failed = true;
    });
    await clock.advance(delay - 1);
    assert.equal(failed, false);
    await clock.advance(1);
    await attempted;
  }
  assert.equal(asked.length, 2);
  const refused = ['bob@beta.test', 'imap', '192.0.2.1', 'refused', undefined];
  assert.deepEqual(notes, [refused, refused]);
  await assert.rejects(auth.admit('192.0.2.1'), { failure: 'limit-exceeded' });
  await auth.admit('192.0.2.2');
});

test('who tries over many connections at once guesses hardly more', async () => {
  const { attempt, clock, asked } = setUp();
  const all = Promise.allSettled(Array.from({ length: 60 }, () => attempt('wrong', '192.0.2.7')));
  await clock.advance(60_000);
  const results = await all;
  assert.ok(asked.length <= 2 + 4, `${asked.length} of 60 were looked at`);
  const refused = results.filter((one) => one.status === 'rejected' && one.reason.failure === 'limit-exceeded');
  assert.equal(refused.length, 60 - asked.length);
});

test('an exempt network is neither delayed nor counted', async () => {
  const { auth, attempt, counts, clock } = setUp(['192.0.2.0/24']);
  await assert.rejects(attempt('wrong'), { failure: 'bad-credentials' });
  await auth.admit('192.0.2.1');
  await settle();
  assert.equal(counts.size, 0);
  assert.equal(clock.pending, 0);
});

test('nobody acts as somebody else', async () => {
  const { auth } = setUp(['192.0.2.0/24']);
  const outcome = { kind: 'password', username: 'bob@beta.test', authzid: 'eve@beta.test', password: 'right' } as const;
  await assert.rejects(auth.finish(outcome, '192.0.2.1'), { failure: 'bad-credentials' });
});
