/** The second factor, and the log of logins. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Directory, LoginLine, LoginNote } from '#store/directory.ts';
import { MOST_OF_ACCOUNT } from '#store/directory-logins.ts';
import { makeSecret } from '#store/secret.ts';
import { addAppPassword, scramLogin } from './directory-credentials.ts';
import { type DirectoryTests, PASSWORD, refused } from './directory-ground.ts';
import { random } from './fixtures.ts';

const octets = (length: number): Uint8Array => random.bytes(length);

/** What is noted is written a little later. */
async function logged(directory: Directory, account: string, until: (lines: readonly LoginLine[]) => boolean) {
  for (;;) {
    const lines = await directory.logins({ account, limit: 1_000 });
    if (until(lines)) return lines;
    await pause(20);
  }
}

export const LOGIN_TESTS: DirectoryTests = {
  'with a second factor the own password opens what asks for no use; app passwords the rest': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`bob@${domain}`);
    const bob = `bob@${domain}`;
    const phone = await addAppPassword(on, id, 'phone', 'imap');
    assert.ok(await directory.authenticate(bob, PASSWORD, 'imap'), 'remembered from here on');
    const [secret, recovery] = [octets(20), [octets(32), octets(32)]];
    await directory.change({ type: 'set-second-factor', id, secret, recovery });
    assert.equal((await directory.account(id))?.secondFactor, true);
    for (const use of ['imap', 'pop3', 'smtp', 'rest'] as const) {
      assert.equal(await directory.authenticate(bob, PASSWORD, use), undefined, use);
      assert.equal(await scramLogin(directory, bob, PASSWORD, use), undefined, use);
    }
    assert.ok(await directory.authenticate(bob, PASSWORD));
    assert.ok(await scramLogin(directory, bob, PASSWORD));
    assert.equal((await directory.authenticate(bob, phone.text, 'imap'))?.appPassword, phone.id);
    assert.equal((await scramLogin(directory, bob, phone.text, 'imap'))?.appPassword, phone.id);
    assert.equal(await scramLogin(directory, bob, phone.text, 'pop3'), undefined);
    const { salt, login } = await directory.scram(bob, 'pop3');
    assert.deepEqual([salt, login], [(await directory.scram(bob)).salt, undefined], 'nothing of it shows');
    await directory.change({ type: 'remove-second-factor', id });
    assert.equal((await directory.account(id))?.secondFactor, undefined);
    assert.equal(await directory.secondFactor(id), undefined);
    assert.ok(await directory.authenticate(bob, PASSWORD, 'pop3'));
    assert.ok(await scramLogin(directory, bob, PASSWORD, 'pop3'));
  },

  'a code counts once, a recovery code too, whoever asks at the same time': async (on) => {
    const { directory, domain, account, harness } = on;
    const id = await account(`bob@${domain}`);
    const [secret, one, two] = [octets(20), octets(32), octets(32)];
    const step = (n: number) => directory.change({ type: 'note-second-factor-step', id, step: n });
    const use = (hash: Uint8Array) => directory.change({ type: 'use-recovery-code', id, hash });
    await assert.rejects(step(1), refused('bad-request'));
    await assert.rejects(use(one), refused('bad-request'));
    await directory.change({ type: 'set-second-factor', id, secret, recovery: [one, two] });
    const tries = await Promise.allSettled([step(100), step(100), step(100), use(one), use(one)]);
    assert.deepEqual(tries.filter(({ status }) => status === 'fulfilled').length, 2);
    await assert.rejects(step(99), refused('conflict'));
    await assert.rejects(use(octets(32)), refused('conflict'));
    await step(101);
    const after = harness.crash === undefined ? directory : await harness.crash();
    const known = (await after.secondFactor(id))!;
    const plain = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    assert.deepEqual(
      [plain(known.secret), known.recovery.map(plain), known.lastStep],
      [plain(secret), [plain(two)], 101],
    );
    await after.change({ type: 'set-second-factor', id, secret, recovery: [one], lastStep: 200 });
    await assert.rejects(after.change({ type: 'note-second-factor-step', id, step: 200 }), refused('conflict'));
    await after.change({ type: 'note-second-factor-step', id, step: 201 });
  },

  'a second factor has a shape, stays through a new password and a new name, and goes with its account': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`bob@${domain}`);
    const set = (secret: Uint8Array, recovery: readonly Uint8Array[]) =>
      directory.change({ type: 'set-second-factor', id, secret, recovery });
    await assert.rejects(set(octets(15), []), refused('bad-request'));
    await assert.rejects(set(octets(65), []), refused('bad-request'));
    await assert.rejects(set(octets(20), [octets(31)]), refused('bad-request'));
    await assert.rejects(
      set(
        octets(20),
        Array.from({ length: 33 }, () => octets(32)),
      ),
      refused('bad-request'),
    );
    assert.equal((await directory.account(id))?.secondFactor, undefined);
    await set(octets(20), []);
    await directory.change({ type: 'set-secret', id, secret: await makeSecret('other') });
    await directory.change({ type: 'rename-account', id, address: `rob@${domain}`, alias: false });
    assert.equal(await directory.authenticate(`rob@${domain}`, 'other', 'imap'), undefined);
    await directory.change({ type: 'mark-removing', id });
    await directory.change({ type: 'remove-account', id });
    assert.equal(await directory.secondFactor(id), undefined);
    await assert.rejects(set(octets(20), []), refused('no-such-account'));
  },

  'secrets stand in no line of the audit log': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`bob@${domain}`);
    const by = { actor: `audit of ${domain}` };
    const autoreply = { enabled: true, text: 'private words' };
    await directory.change({ type: 'set-second-factor', id, secret: octets(20), recovery: [octets(32)] }, by);
    await directory.change({ type: 'set-autoreply', id, autoreply }, by);
    await directory.change({ type: 'set-senders', id, senders: { allow: ['friend@x.test'], block: [] } }, by);
    await directory.change({ type: 'set-filters', id, filters: [] }, by);
    await directory.change({ type: 'remove-second-factor', id }, by);
    const lines = await directory.audit({ limit: 10, actor: by.actor });
    const bob = `bob@${domain}`;
    assert.deepEqual(
      lines.map(({ act, target, detail }) => [act, target, detail]),
      [
        ['remove-second-factor', bob, undefined],
        ['set-filters', bob, { filters: 0 }],
        ['set-senders', bob, { allow: 1, block: 0 }],
        ['set-autoreply', bob, { enabled: true }],
        ['set-second-factor', bob, undefined],
      ],
    );
  },

  'logins that are alike within an hour are one line': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`bob@${domain}`);
    on.setTime(50_000_000);
    const note = (given: Partial<LoginNote> = {}) =>
      directory.noteLogin({
        login: `bob@${domain}`,
        protocol: 'imap',
        remote: '192.0.2.1',
        outcome: 'ok',
        account: id,
        at: 50_000_000,
        ...given,
      });
    note();
    note({ at: 50_000_500, login: `BOB@${domain}` });
    note({ protocol: 'smtp', appPassword: 'p1' });
    const { account: _, ...wrong } = {
      account: id,
      outcome: 'refused' as const,
      login: `BOB@${domain}`,
      at: 50_000_700,
    };
    note(wrong);
    directory.noteLogin({ ...wrong, protocol: 'imap', remote: '192.0.2.9' });
    const lines = await logged(directory, id, (found) => found.length === 4);
    const imap = lines.find(({ protocol, outcome }) => protocol === 'imap' && outcome === 'ok')!;
    assert.deepEqual(
      { ...imap, id: '' },
      {
        id: '',
        account: id,
        login: `bob@${domain}`,
        protocol: 'imap',
        remote: '192.0.2.1',
        outcome: 'ok',
        first: 50_000_000,
        last: 50_000_500,
        count: 2,
      },
    );
    assert.equal(lines.find(({ protocol }) => protocol === 'smtp')?.appPassword, 'p1');
    const ids = lines.map((line) => Number(line.id));
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => b - a),
      'newest first',
    );
    const page = await directory.logins({ account: id, limit: 2, before: lines[1]!.id });
    assert.deepEqual(page, lines.slice(2));
    const all = await directory.logins({ limit: 1_000 });
    assert.deepEqual(
      all.filter((line) => line.account === id),
      lines,
    );
    on.setTime(50_000_600 + 30 * 86_400_000);
    const left = await directory.logins({ account: id, limit: 10 });
    assert.deepEqual(
      left.map(({ outcome }) => outcome),
      ['refused', 'refused'],
    );
  },
  'many who are refused hide nobody who came in': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`eve@${domain}`);
    on.setTime(50_000_000);
    const note = { login: `eve@${domain}`, protocol: 'imap', account: id, at: 50_000_000 } as const;
    directory.noteLogin({ ...note, remote: '192.0.2.1', outcome: 'ok' });
    const many = MOST_OF_ACCOUNT + 10;
    for (let i = 0; i < many; i++)
      directory.noteLogin({ ...note, remote: `192.0.2.${i % 250}.${i}`, outcome: 'refused' });
    const lines = await logged(directory, id, (found) => found.length === MOST_OF_ACCOUNT + 1);
    assert.equal(lines.at(-1)?.outcome, 'ok');
  },
};
