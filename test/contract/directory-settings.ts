/** What an account's settings do to lookups and logins. */
import assert from 'node:assert/strict';
import type { Account, Lookup } from '#store/directory.ts';
import { type DirectoryTests, type Ground, PASSWORD, refused } from './directory-ground.ts';

const accountOf = async ({ directory }: Ground, id: string): Promise<Account> => {
  const found = await directory.account(id);
  assert.ok(found);
  return found;
};
const lookUp = ({ directory, domain }: Ground, localPart: string): Promise<Lookup> =>
  directory.lookup({ localPart, domain });

export const SETTINGS_TESTS: DirectoryTests = {
  'a suspended account can not log in, and only who knows its password learns why': async (on) => {
    const { directory, domain, account, look } = on;
    const id = await account(`sue@${domain}`);
    await directory.change({ type: 'suspend-account', id, suspended: true });
    assert.equal((await accountOf(on, id)).suspended, true);
    await assert.rejects(directory.authenticate(`sue@${domain}`, PASSWORD), refused('not-permitted'));
    await assert.rejects(directory.authenticate(`sue@${domain}`, PASSWORD), refused('not-permitted'));
    assert.equal(await directory.authenticate(`sue@${domain}`, 'wrong'), undefined);
    assert.equal((await directory.scram(`sue@${domain}`)).refusal?.failure, 'not-permitted');
    assert.equal(await look(`sue@${domain}`), `sue@${domain}`, 'mail still comes in');
    await directory.change({ type: 'set-moved', id, moved: { to: 'sue@else.test', how: 'forward' } });
    await assert.rejects(directory.authenticate(`sue@${domain}`, PASSWORD), {
      failure: 'not-permitted',
      message: /lives elsewhere now: log in as sue@else\.test/,
    });
    await directory.change({ type: 'set-moved', id });
    await directory.change({ type: 'suspend-account', id, suspended: false });
    assert.equal((await accountOf(on, id)).suspended, undefined);
    assert.ok(await directory.authenticate(`sue@${domain}`, PASSWORD));
    assert.equal((await directory.scram(`sue@${domain}`)).refusal, undefined);
  },

  'an admin is one until no more': async (on) => {
    const id = await on.account(`root@${on.domain}`);
    await on.directory.change({ type: 'set-admin', id, admin: true });
    assert.equal((await accountOf(on, id)).admin, true);
    await on.directory.change({ type: 'suspend-account', id, suspended: true });
    assert.equal((await accountOf(on, id)).admin, true, 'settings are independent');
    await on.directory.change({ type: 'set-admin', id, admin: false });
    assert.equal((await accountOf(on, id)).admin, undefined);
  },

  'an account forwards, with its own copy or without': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`fred@${domain}`);
    const targets = ['X@Else.test', `b@${domain}`, `b@${domain}`];
    await directory.change({ type: 'set-forward', id, forward: { targets, keep: true } });
    const expected = { targets: ['X@else.test', `b@${domain}`], keep: true };
    assert.deepEqual((await accountOf(on, id)).forward, expected);
    assert.deepEqual(await lookUp(on, 'fred+tag'), {
      kind: 'account',
      account: id,
      address: { localPart: 'fred', domain },
      detail: 'tag',
      forward: {
        targets: [
          { localPart: 'X', domain: 'else.test' },
          { localPart: 'b', domain },
        ],
        keep: true,
      },
    });
    const set = (...to: string[]) =>
      directory.change({ type: 'set-forward', id, forward: { targets: to, keep: false } });
    await assert.rejects(set(), refused('bad-request'));
    await assert.rejects(set('nonsense'), refused('bad-request'));
    await assert.rejects(set(`FRED@${domain}`), refused('bad-request'));
    await directory.change({ type: 'set-forward', id });
    assert.equal((await accountOf(on, id)).forward, undefined);
    assert.equal('forward' in (await lookUp(on, 'fred')), false);
  },

  'who moved away is found at the new place, and still logs in': async (on) => {
    const { directory, domain, account } = on;
    const [first, id] = [await account(`first@${domain}`), await account(`gone@${domain}`)];
    const move = (to: string, how: 'forward' | 'reject') =>
      directory.change({ type: 'set-moved', id, moved: { to, how } });
    await move('new@Else.test', 'reject');
    const to = { localPart: 'new', domain: 'else.test' };
    assert.deepEqual(await lookUp(on, 'gone'), { kind: 'moved', account: id, to, how: 'reject' });
    await move('new@else.test', 'forward');
    assert.deepEqual(await lookUp(on, 'Gone+x'), { kind: 'moved', account: id, to, how: 'forward' });
    assert.ok(await directory.authenticate(`gone@${domain}`, PASSWORD));
    assert.equal(await directory.maySendAs(id, { localPart: 'gone', domain }), true);
    assert.equal(await directory.maySendAs(first, { localPart: 'gone', domain }), false);
    await assert.rejects(move(`gone@${domain}`, 'reject'), refused('bad-request'));
    await directory.change({ type: 'set-moved', id: first, moved: { to: 'a@else.test', how: 'reject' } });
    assert.equal(await on.look(`postmaster@${domain}`), 'unknown', 'nobody is at home');
    await directory.change({ type: 'set-moved', id });
    assert.equal(await on.look(`postmaster@${domain}`), `gone@${domain}`);
    assert.equal(await on.look(`gone@${domain}`), `gone@${domain}`);
  },

  'a new name keeps the account, and what led to the old one': async (on) => {
    const { directory, domain, account, alias, look } = on;
    const [id, other] = [await account(`old@${domain}`), await account(`other@${domain}`)];
    await alias(`team@${domain}`, `OLD@${domain}`, 'x@else.test');
    await directory.change({
      type: 'set-forward',
      id: other,
      forward: { targets: [`old@${domain}`], keep: true },
    });
    await directory.change({ type: 'rename-account', id, address: `New@${domain}`, alias: false });
    assert.equal(await look(`new@${domain}`), `New@${domain}`);
    assert.equal(await look(`old@${domain}`), 'unknown');
    assert.equal(await look(`team@${domain}`), `alias New@${domain} x@else.test`);
    assert.deepEqual((await accountOf(on, other)).forward?.targets, [`New@${domain}`]);
    assert.equal((await directory.authenticate(`new@${domain}`, PASSWORD))?.account, id);
    assert.equal(await directory.authenticate(`old@${domain}`, PASSWORD), undefined);
    await account(`old@${domain}`);
  },

  'the old name may stay as an alias, and be taken back': async (on) => {
    const { directory, domain, account, alias, look } = on;
    const id = await account(`old@${domain}`);
    const rename = (address: string, keep = true) =>
      directory.change({ type: 'rename-account', id, address, alias: keep });
    await rename(`new@${domain}`);
    assert.equal(await look(`old@${domain}`), `alias new@${domain}`);
    await rename(`old@${domain}`);
    assert.equal(await look(`old@${domain}`), `old@${domain}`);
    assert.equal(await look(`new@${domain}`), `alias old@${domain}`);
    await rename(`OLD@${domain}`);
    assert.equal(await look(`old@${domain}`), `OLD@${domain}`, 'only the spelling');
    await account(`taken@${domain}`);
    await alias(`used@${domain}`, 'x@else.test');
    await assert.rejects(rename(`taken@${domain}`), refused('exists'));
    await assert.rejects(rename(`used@${domain}`), refused('exists'));
    await assert.rejects(rename('new@elsewhere.test'), refused('bad-request'));
    assert.equal(await look(`old@${domain}`), `OLD@${domain}`);
  },

  'settings survive a crash': async (on) => {
    const { harness, directory, domain, account } = on;
    const id = await account(`all@${domain}`);
    await directory.change({ type: 'set-admin', id, admin: true });
    await directory.change({ type: 'set-forward', id, forward: { targets: ['x@else.test'], keep: false } });
    await directory.change({ type: 'set-moved', id, moved: { to: 'y@else.test', how: 'forward' } });
    const before = await accountOf(on, id);
    const after = harness.crash === undefined ? directory : await harness.crash();
    assert.deepEqual(await after.account(id), before);
    assert.deepEqual(before.moved, { to: 'y@else.test', how: 'forward' });
  },

  'what is set of nobody is refused': async ({ directory }) => {
    const id = 'nobody';
    for (const change of [
      { type: 'suspend-account', id, suspended: true },
      { type: 'set-admin', id, admin: true },
      { type: 'set-forward', id },
      { type: 'set-moved', id },
      { type: 'rename-account', id, address: 'a@b.test', alias: false },
    ] as const) {
      await assert.rejects(directory.change(change), refused('no-such-account'), change.type);
    }
  },
};
