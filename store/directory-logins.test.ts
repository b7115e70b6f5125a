import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { LoginLine, LoginNote } from './directory.ts';
import { LoginNotes } from './login-notes.ts';
import { createMemoryDirectory } from './memory/directory.ts';
import { makeSecret } from './secret.ts';

const secret = await makeSecret('pw');

/** What is kept of notes that come at once: the first write follows at once. */
async function kept(notes: readonly Partial<LoginNote>[]): Promise<readonly LoginLine[]> {
  const directory = createMemoryDirectory({ clock: { now: () => 1_000 } });
  await directory.change({ type: 'add-domain', name: 'one.test' });
  await directory.change({ type: 'add-account', id: 'a1', address: 'bob@one.test', shard: 0, secret });
  await directory.change({ type: 'activate-account', id: 'a1' });
  const base = { login: 'bob', protocol: 'imap', remote: '192.0.2.1', outcome: 'refused', at: 1_000 } as const;
  for (const note of notes) directory.noteLogin({ ...base, ...note });
  await directory.close();
  await setImmediate();
  return await directory.logins({ limit: 10_000 });
}

test('a name that is no address of ours is not kept: it may be a password', async () => {
  const names = ['hunter2', 'p@ssw0rd', 'a@b c', '', 'Eve@ONE.test', `${'é'.repeat(64)}@one.test`];
  const lines = await kept(names.map((login) => ({ login })));
  assert.deepEqual(
    lines.map(({ login, count, account }) => [login, count, account]),
    [
      ['eve@one.test', 1, undefined],
      ['an address elsewhere', 1, undefined],
      ['not an address', 4, undefined],
    ],
  );
});

test('who is known is known by any name of theirs, and a long one is cut between characters', async () => {
  const long = `bob@one.test${' '.repeat(300)}`;
  const lines = await kept([
    { login: 'bob' },
    { login: 'BOB@one.test', remote: '192.0.2.2' },
    { login: long, remote: '192.0.2.3' },
  ]);
  assert.deepEqual(
    lines.map(({ account }) => account),
    ['a1', 'a1', 'a1'],
  );
  assert.ok(lines.every(({ login }) => Buffer.byteLength(login) <= 256));
  const [line] = await kept([{ login: `${'x'.repeat(255)}é`, account: 'a1' }]);
  assert.equal(line?.login, 'x'.repeat(255));
});

test('so many lines of an account, so many of nobody: the newest stay', async () => {
  const remote = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
  const own = Array.from({ length: 510 }, (_, i) => ({ remote: remote(i), account: 'a1' }));
  const lines = await kept(own);
  assert.equal(lines.length, 500);
  assert.equal(lines[0]?.remote, remote(509));
  const strangers = Array.from({ length: 5_003 }, (_, i) => ({ remote: remote(i), login: 'x' }));
  const all = await kept([...strangers, { account: 'a1' }]);
  assert.deepEqual([all.length, all[0]?.account, all[1]?.remote], [5_001, 'a1', remote(5_002)]);
});

test('what waits to be written is short, however long a name a stranger tries', () => {
  const written: string[] = [];
  const notes = new LoginNotes((all) => {
    for (const { note } of all) written.push(note.login);
  });
  const at = 1_000;
  notes.note({ login: 'x'.repeat(60_000), protocol: 'imap', remote: '192.0.2.1', outcome: 'refused', at });
  notes.note({ login: 'bob@one.test', protocol: 'imap', remote: '192.0.2.1', outcome: 'refused', at });
  notes.close();
  assert.deepEqual(written, ['x'.repeat(512), 'bob@one.test']);
});
