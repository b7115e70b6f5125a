/** The contract of `Directory` in tests. Every backend passes it unchanged, writers and clients alike. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { checkProof, makeProof, saltPassword } from '#mail/sasl/scram.ts';
import type { AccountSecret } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { makeSecret } from '#store/secret.ts';
import { ALIAS_DOMAIN_TESTS } from './directory-alias-domains.ts';
import { CREDENTIAL_TESTS } from './directory-credentials.ts';
import {
  type DirectoryHarness,
  type DirectoryTests,
  ground,
  type OpenDirectory,
  PASSWORD,
  refused,
} from './directory-ground.ts';
import { LOGIN_TESTS } from './directory-logins.ts';
import { RULES_TESTS } from './directory-rules.ts';
import { SETTINGS_TESTS } from './directory-settings.ts';
import { random } from './fixtures.ts';

export function directoryContract(name: string, open: OpenDirectory): void {
  describe(`${name}: directory`, () => {
    let harness: DirectoryHarness;
    let secret: AccountSecret;
    let n = 0;
    let now = 1_000_000;
    before(async () => {
      [harness, secret] = await Promise.all([open({ clock: { now: () => now + n } }), makeSecret(PASSWORD)]);
    });
    after(() => harness.close());
    for (const [title, run] of Object.entries(TESTS)) {
      test(title, async () => {
        const domain = `d${++n}.test`;
        await harness.directory.change({ type: 'add-domain', name: domain });
        await run(
          ground(harness, secret, domain, (time) => {
            now = time - n;
          }),
        );
      });
    }
  });
}

const TESTS: DirectoryTests = {
  ...SETTINGS_TESTS,
  ...CREDENTIAL_TESTS,
  ...RULES_TESTS,
  ...ALIAS_DOMAIN_TESTS,
  ...LOGIN_TESTS,

  'domains come and go; names are compared as A-labels without case': async ({ directory, domain }) => {
    assert.equal(await directory.isLocalDomain(domain.toUpperCase()), true);
    await assert.rejects(directory.change({ type: 'add-domain', name: domain.toUpperCase() }), refused('exists'));
    await directory.change({ type: 'add-domain', name: `GRÜN.${domain}` });
    assert.equal(await directory.isLocalDomain(`xn--grn-ioa.${domain}`), true);
    await directory.change({ type: 'remove-domain', name: `grün.${domain}` });
    assert.equal(await directory.isLocalDomain(`xn--grn-ioa.${domain}`), false);
    await assert.rejects(directory.change({ type: 'remove-domain', name: `grün.${domain}` }), refused('not-found'));
    await assert.rejects(directory.change({ type: 'add-domain', name: 'no domain' }), refused('bad-request'));
    const listed = (await directory.domains()).find(({ name }) => name === domain);
    assert.ok(listed && listed.createdAt > 1_000_000);
  },

  'a domain in use stays': async ({ directory, domain, account, alias }) => {
    const id = await account(`a@${domain}`);
    await assert.rejects(directory.change({ type: 'remove-domain', name: domain }), refused('conflict'));
    await directory.change({ type: 'mark-removing', id });
    await assert.rejects(directory.change({ type: 'remove-domain', name: domain }), refused('conflict'));
    await directory.change({ type: 'remove-account', id });
    await alias(`@${domain}`, 'x@else.test');
    await assert.rejects(directory.change({ type: 'remove-domain', name: domain }), refused('conflict'));
    await directory.change({ type: 'remove-alias', address: `@${domain}` });
    await directory.change({ type: 'remove-domain', name: domain });
  },

  'an account is found by its address, without case, with and without detail': async ({ look, domain, account }) => {
    await account(`Bob@${domain}`);
    assert.equal(await look(`bob@${domain}`), `Bob@${domain}`);
    assert.equal(await look(`BOB@${domain.toUpperCase()}`), `Bob@${domain}`);
    assert.equal(await look(`bob+Lists/a+b@${domain}`), `Bob@${domain} Lists/a+b`);
    assert.equal(await look(`bob+@${domain}`), `Bob@${domain} `);
    assert.equal(await look(`+bob@${domain}`), 'unknown');
    assert.equal(await look(`bobby@${domain}`), 'unknown');
    assert.equal(await look('bob@elsewhere.test'), 'foreign');
    assert.equal(await look('bob@[127.0.0.1]'), 'foreign');
  },

  'an address with a plus of its own goes before detail': async ({ look, domain, account }) => {
    await account(`a@${domain}`);
    await account(`a+b@${domain}`);
    assert.equal(await look(`a+b@${domain}`), `a+b@${domain}`);
    assert.equal(await look(`a+b+c@${domain}`), `a@${domain} b+c`);
  },

  'non-ASCII and quoted local parts': async ({ look, domain, account }) => {
    await account(`JÜRGEN@${domain}`);
    await account(`"a b"@${domain}`);
    assert.equal(await look(`ju\u0308rgen@${domain}`), `JÜRGEN@${domain}`);
    assert.equal(await look(`a b@${domain}`), `a b@${domain}`);
  },

  'an account is unknown until it is active, and from when it is marked': async (on) => {
    const { directory, domain, look, secret } = on;
    const id = newId('account', random);
    const address = `late@${domain}`;
    await directory.change({ type: 'add-account', id, address, shard: 1, secret });
    assert.equal(await look(address), 'unknown');
    assert.equal(await directory.authenticate(address, PASSWORD), undefined);
    assert.equal((await directory.account(id))?.state, 'creating');
    await directory.change({ type: 'activate-account', id });
    assert.equal(await look(address), address);
    await directory.change({ type: 'activate-account', id });
    await assert.rejects(directory.change({ type: 'remove-account', id }), refused('bad-request'));
    await directory.change({ type: 'mark-removing', id });
    assert.equal(await look(address), 'unknown');
    assert.equal(await directory.authenticate(address, PASSWORD), undefined);
    await assert.rejects(directory.change({ type: 'activate-account', id }), refused('bad-request'));
    const again = { type: 'add-account' as const, id: newId('account', random), address, shard: 1, secret };
    await assert.rejects(directory.change(again), refused('exists'));
    await directory.change({ type: 'remove-account', id });
    assert.equal(await directory.account(id), undefined);
    await directory.change(again);
  },

  'accounts need a domain of ours, a free address and a free id': async (on) => {
    const { directory, domain, account, alias, secret } = on;
    const id = await account(`a@${domain}`);
    await alias(`team@${domain}`, `a@${domain}`);
    const add = (address: string, other = newId('account', random)) =>
      directory.change({ type: 'add-account', id: other, address, shard: 0, secret });
    await assert.rejects(add(`A@${domain}`), refused('exists'));
    await assert.rejects(add(`team@${domain}`), refused('exists'));
    await assert.rejects(add(`b@${domain}`, id), refused('exists'));
    await assert.rejects(add('b@elsewhere.test'), refused('bad-request'));
    for (const address of ['b', '@', `a b@${domain}`, '']) await assert.rejects(add(address), refused('bad-request'));
    for (const type of ['activate-account', 'mark-removing', 'remove-account'] as const) {
      await assert.rejects(directory.change({ type, id: 'nobody' }), refused('no-such-account'));
    }
    await assert.rejects(directory.change({ type: 'set-secret', id: 'nobody', secret }), refused('no-such-account'));
  },

  'the secret of an account can be taken elsewhere': async ({ directory, domain, account, secret }) => {
    const id = await account(`a@${domain}`);
    assert.deepEqual(await directory.secret(id), secret);
    assert.equal(await directory.secret('nobody'), undefined);
  },

  'accounts are listed with their shard': async ({ directory, domain, account }) => {
    const id = await account(`a@${domain}`);
    const expected = { id, address: `a@${domain}`, shard: 3, state: 'active' };
    const found = (await directory.accounts()).find((one) => one.id === id);
    assert.ok(found);
    const { createdAt, ...rest } = found;
    assert.deepEqual(rest, expected);
    assert.ok(createdAt > 1_000_000);
    assert.deepEqual(await directory.account(id), found);
  },

  'aliases lead to one or many, here or elsewhere': async (on) => {
    const { directory, domain, account, alias, look } = on;
    await account(`a@${domain}`);
    await alias(`Team@${domain}`, `a@${domain}`, 'x@Elsewhere.test', `a@${domain}`);
    assert.equal(await look(`team@${domain}`), `alias a@${domain} x@elsewhere.test`);
    assert.equal(await look(`TEAM+more@${domain}`), `alias a@${domain} x@elsewhere.test`);
    const listed = (await directory.aliases()).find(({ address }) => address === `Team@${domain}`);
    assert.deepEqual(listed?.targets, [`a@${domain}`, 'x@elsewhere.test']);
    await directory.change({ type: 'remove-alias', address: `team@${domain}` });
    assert.equal(await look(`team@${domain}`), 'unknown');
  },

  'an alias gets other targets, by the same rules': async (on) => {
    const { directory, domain, account, alias, look } = on;
    await account(`a@${domain}`);
    await alias(`team@${domain}`, `a@${domain}`);
    await alias(`all@${domain}`, `team@${domain}`);
    const set = (address: string, ...targets: string[]) => directory.change({ type: 'set-alias', address, targets });
    await set(`TEAM@${domain}`, 'x@Elsewhere.test', `a@${domain}`);
    assert.equal(await look(`team@${domain}`), `alias x@elsewhere.test a@${domain}`);
    for (const targets of [[], ['nonsense'], [`team@${domain}`], [`all@${domain}`]])
      await assert.rejects(set(`team@${domain}`, ...targets), refused('bad-request'));
    await assert.rejects(set(`none@${domain}`, 'x@elsewhere.test'), refused('not-found'));
    assert.equal(await look(`team@${domain}`), `alias x@elsewhere.test a@${domain}`);
  },

  'what can not be an alias': async ({ directory, domain, account, alias }) => {
    await account(`a@${domain}`);
    await alias(`x@${domain}`, `a@${domain}`);
    await assert.rejects(alias(`X@${domain}`, `a@${domain}`), refused('exists'));
    await assert.rejects(alias(`a@${domain}`, 'b@else.test'), refused('exists'));
    await assert.rejects(alias('a@elsewhere.test', `a@${domain}`), refused('bad-request'));
    await assert.rejects(alias(`y@${domain}`), refused('bad-request'));
    await assert.rejects(alias(`y@${domain}`, 'nonsense'), refused('bad-request'));
    await assert.rejects(alias(`y@${domain}`, `Y@${domain}`), refused('bad-request'));
    await assert.rejects(directory.change({ type: 'remove-alias', address: `y@${domain}` }), refused('not-found'));
  },

  'an alias never leads back to itself, not through others either': async ({ domain, alias }) => {
    const one = `one@${domain}`;
    await assert.rejects(alias(one, one.toUpperCase()), refused('bad-request'));
    await alias(one, `two@${domain}`, 'else@beta.test');
    await alias(`two@${domain}`, `three@${domain}`);
    await assert.rejects(alias(`three@${domain}`, `four@${domain}`, one), refused('bad-request'));
    await alias(`three@${domain}`, `four@${domain}`);
  },

  'the catch-all takes what is left, and shadows nobody': async ({ domain, account, alias, look }) => {
    await account(`a@${domain}`);
    await alias(`b@${domain}`, 'x@else.test');
    await alias(`@${domain}`, 'all@else.test');
    assert.equal(await look(`a@${domain}`), `a@${domain}`);
    assert.equal(await look(`a+tag@${domain}`), `a@${domain} tag`);
    assert.equal(await look(`b@${domain}`), 'alias x@else.test');
    assert.equal(await look(`anything@${domain}`), 'alias all@else.test');
  },

  'postmaster and abuse always reach somebody': async ({ domain, account, alias, look }) => {
    assert.equal(await look(`postmaster@${domain}`), 'unknown', 'there is nobody');
    await account(`first@${domain}`);
    await account(`second@${domain}`);
    assert.equal(await look(`PostMaster@${domain}`), `first@${domain}`);
    assert.equal(await look(`abuse+x@${domain}`), `first@${domain} x`);
    assert.equal(await look(`webmaster@${domain}`), 'unknown');
    await alias(`abuse@${domain}`, `second@${domain}`);
    assert.equal(await look(`abuse@${domain}`), `alias second@${domain}`);
  },

  'postmaster without a domain is ours': async ({ directory, account, domain }) => {
    await account(`someone@${domain}`);
    const found = await directory.lookup({ localPart: 'Postmaster', domain: '' });
    assert.notEqual(found.kind, 'foreign');
  },

  'a login is an address; the wrong password and the wrong user answer alike': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`Bob@${domain}`);
    const login = { account: id, address: `Bob@${domain}` };
    assert.deepEqual(await directory.authenticate(`bob@${domain}`, PASSWORD), login);
    assert.deepEqual(await directory.authenticate(` BOB@${domain.toUpperCase()}`, PASSWORD), login);
    for (const [user, password] of [
      [`bob@${domain}`, 'wrong'],
      [`bob+x@${domain}`, PASSWORD],
      [`nobody@${domain}`, PASSWORD],
      ['nonsense', PASSWORD],
      ['', ''],
    ] as const) {
      assert.equal(await directory.authenticate(user, password), undefined, user);
    }
  },

  'a new password replaces the old one at once': async ({ directory, domain, account }) => {
    const id = await account(`bob@${domain}`);
    assert.ok(await directory.authenticate(`bob@${domain}`, PASSWORD));
    await directory.change({ type: 'set-secret', id, secret: await makeSecret('other') });
    assert.equal(await directory.authenticate(`bob@${domain}`, PASSWORD), undefined);
    assert.ok(await directory.authenticate(`bob@${domain}`, 'other'));
  },

  'SCRAM: the keys of who exists, and a steady fiction of who does not': async ({ directory, domain, account }) => {
    const id = await account(`bob@${domain}`);
    const known = await directory.scram(`Bob@${domain}`);
    assert.deepEqual(known.login, { account: id, address: `bob@${domain}` });
    const { proof } = makeProof(await saltPassword(PASSWORD, known.salt, known.iterations), 'message');
    assert.ok(checkProof(known.storedKey, 'message', proof));
    const stranger = await directory.scram(`eve@${domain}`);
    assert.equal(stranger.login, undefined);
    assert.deepEqual(await directory.scram(`EVE@${domain}`), stranger);
    assert.notDeepEqual((await directory.scram(`mallory@${domain}`)).salt, stranger.salt);
    const shape = (one: typeof known) => [one.salt.length, one.iterations, one.storedKey.length, one.serverKey.length];
    assert.deepEqual(shape(stranger), shape(known));
  },

  'who may send as whom': async ({ directory, domain, account, alias }) => {
    const [a, b] = [await account(`a@${domain}`), await account(`b@${domain}`)];
    await alias(`team@${domain}`, `inner@${domain}`, 'x@else.test');
    await alias(`inner@${domain}`, `a@${domain}`);
    const may = (id: string, localPart: string, at = domain) => directory.maySendAs(id, { localPart, domain: at });
    assert.equal(await may(a, 'A'), true);
    assert.equal(await may(a, 'a+tag'), true);
    assert.equal(await may(a, 'team'), true);
    assert.equal(await may(b, 'team'), false);
    assert.equal(await may(b, 'a'), false);
    assert.equal(await may(a, 'a', 'elsewhere.test'), false);
    assert.equal(await may(a, 'nobody'), false);
    assert.equal(await may(a, 'postmaster'), true);
  },

  'many changes at once are each made or refused': async ({ directory, domain, secret }) => {
    const add = (i: number) => {
      const address = `user${i}@${domain}`;
      return directory.change({ type: 'add-account', id: newId('account', random), address, shard: 0, secret });
    };
    const results = await Promise.allSettled(Array.from({ length: 60 }, (_, i) => add(i % 40)));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 40);
    for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.failure, 'exists');
    const here = (await directory.accounts()).filter(({ address }) => address.endsWith(`@${domain}`));
    assert.equal(here.length, 40);
  },

  'what was answered survives a crash': async (on) => {
    const { harness, directory, domain, account, alias } = on;
    const id = await account(`bob@${domain}`);
    await alias(`@${domain}`, `bob@${domain}`);
    const before = [await directory.accounts(), await directory.aliases(), await directory.domains()];
    const stranger = await directory.scram(`eve@${domain}`);
    const after = harness.crash === undefined ? directory : await harness.crash();
    assert.deepEqual([await after.accounts(), await after.aliases(), await after.domains()], before);
    assert.deepEqual(await after.authenticate(`bob@${domain}`, PASSWORD), { account: id, address: `bob@${domain}` });
    assert.deepEqual(await after.scram(`eve@${domain}`), stranger);
  },
};
