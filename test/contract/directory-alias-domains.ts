/** Domains that stand for another. */
import assert from 'node:assert/strict';
import { type DirectoryTests, type Ground, PASSWORD, refused } from './directory-ground.ts';

/** A second domain, an alias of the test's own. */
async function aliasDomain({ directory, domain }: Ground, prefix = 'alias'): Promise<string> {
  const name = `${prefix}.${domain}`;
  await directory.change({ type: 'add-domain', name });
  await directory.change({ type: 'set-domain-alias', name: name.toUpperCase(), aliasOf: domain.toUpperCase() });
  return name;
}

export const ALIAS_DOMAIN_TESTS: DirectoryTests = {
  'mail for an alias domain is looked up in the other': async (on) => {
    const { directory, domain, account, alias, look } = on;
    await account(`Bob@${domain}`);
    await alias(`team@${domain}`, 'x@else.test');
    const other = await aliasDomain(on);
    assert.deepEqual(
      (await directory.domains())
        .filter(({ name }) => name.endsWith(domain))
        .map(({ name, aliasOf }) => [name, aliasOf]),
      [
        [domain, undefined],
        [other, domain],
      ],
    );
    assert.equal(await directory.isLocalDomain(other), true);
    assert.equal(await look(`bob@${other}`), `Bob@${domain}`);
    assert.equal(await look(`BOB+x@${other.toUpperCase()}`), `Bob@${domain} x`);
    assert.equal(await look(`team@${other}`), 'alias x@else.test');
    assert.equal(await look(`postmaster@${other}`), `Bob@${domain}`);
    assert.equal(await look(`nobody@${other}`), 'unknown');
    await alias(`@${domain}`, 'all@else.test');
    assert.equal(await look(`nobody@${other}`), 'alias all@else.test');
    await directory.change({ type: 'set-domain-alias', name: other });
    assert.equal(await look(`bob@${other}`), 'unknown');
    assert.equal((await directory.domains()).find(({ name }) => name === other)?.aliasOf, undefined);
  },

  'what stands in an alias domain itself goes first, its catch-all after all names': async (on) => {
    const { domain, account, alias, look } = on;
    await account(`bob@${domain}`);
    await account(`ann@${domain}`);
    await alias(`@${domain}`, 'all@else.test');
    const other = await aliasDomain(on);
    await alias(`bob@${other}`, 'own@else.test');
    await account(`ann@${other}`);
    await alias(`@${other}`, 'rest@else.test');
    assert.equal(await look(`bob@${other}`), 'alias own@else.test');
    assert.equal(await look(`bob+x@${other}`), 'alias own@else.test');
    assert.equal(await look(`ann@${other}`), `ann@${other}`);
    assert.equal(await look(`ann@${domain}`), `ann@${domain}`);
    assert.equal(await look(`nobody@${other}`), 'alias rest@else.test');
    assert.equal(await look(`nobody@${domain}`), 'alias all@else.test');
  },

  'people log in and send under an alias domain, but not as somebody whose address stands in it': async (on) => {
    const { directory, domain, account, alias } = on;
    const [bob, ann] = [await account(`bob@${domain}`), await account(`ann@${domain}`)];
    const other = await aliasDomain(on);
    const own = await account(`ann@${other}`);
    await alias(`carl@${other}`, `bob@${domain}`);
    const carl = await account(`carl@${domain}`);
    const login = async (name: string) => (await directory.authenticate(name, PASSWORD))?.account;
    assert.equal(await login(`Bob@${other}`), bob);
    assert.equal((await directory.scram(`bob@${other}`)).login?.account, bob);
    assert.equal(await login(`ann@${other}`), own);
    assert.equal(await login(`carl@${other}`), undefined);
    assert.equal((await directory.accountNamed(`BOB@${other}`))?.id, bob);
    assert.equal(await directory.accountNamed('not an address'), undefined);
    const may = (id: string, localPart: string) => directory.maySendAs(id, { localPart, domain: other });
    assert.deepEqual([await may(bob, 'bob'), await may(bob, 'bob+x'), await may(bob, 'carl')], [true, true, true]);
    assert.deepEqual([await may(ann, 'ann'), await may(own, 'ann'), await may(carl, 'carl')], [false, true, false]);
    await directory.change({ type: 'set-domain-alias', name: other });
    assert.equal(await login(`bob@${other}`), undefined);
    assert.equal(await may(bob, 'bob'), false);
  },

  'an alias goes one step, to a domain of ours that is none itself': async (on) => {
    const { directory, domain } = on;
    const other = await aliasDomain(on);
    const third = `third.${domain}`;
    await directory.change({ type: 'add-domain', name: third });
    const set = (name: string, aliasOf: string) => directory.change({ type: 'set-domain-alias', name, aliasOf });
    await assert.rejects(set(third, third), refused('bad-request'));
    await assert.rejects(set(third, other), refused('bad-request'));
    await assert.rejects(set(third, 'elsewhere.test'), refused('bad-request'));
    await assert.rejects(set('elsewhere.test', domain), refused('not-found'));
    await assert.rejects(set(domain, third), refused('conflict'));
    await assert.rejects(set(domain, other), refused('bad-request'));
    await set(other, domain);
    await set(other, third);
    assert.equal((await directory.domains()).find(({ name }) => name === other)?.aliasOf, third);
  },

  'a domain comes as an alias, whole or not at all': async (on) => {
    const { directory, domain } = on;
    const name = `new.${domain}`;
    await assert.rejects(directory.change({ type: 'add-domain', name, aliasOf: name }), refused('bad-request'));
    await assert.rejects(directory.change({ type: 'add-domain', name, aliasOf: 'else.test' }), refused('bad-request'));
    assert.equal(await directory.isLocalDomain(name), false);
    await directory.change({ type: 'add-domain', name, aliasOf: domain.toUpperCase() });
    const found = (await directory.domains()).find((one) => one.name === name);
    assert.equal(found?.aliasOf, domain);
  },

  'a domain gets another name, with all that stands in it and leads there': async (on) => {
    const { directory, domain, account, alias, look, harness } = on;
    const to = `new.${domain}`;
    const away = `away.${domain}`;
    await directory.change({ type: 'add-domain', name: away });
    const [bob, ann, out] = [
      await account(`Bob@${domain}`),
      await account(`ann@${domain}`),
      await account(`out@${away}`),
    ];
    await alias(`team@${domain}`, `bob@${domain}`, 'x@else.test');
    await alias(`@${domain}`, `team@${domain}`);
    await alias(`all@${away}`, `team@${domain}`);
    const forward = { targets: [`BOB@${domain}`], keep: true };
    await directory.change({ type: 'set-forward', id: out, forward });
    const filter = { id: 'r1', name: 'f', enabled: true, when: {}, then: { forward: [`bob@${domain}`] } };
    await directory.change({ type: 'set-filters', id: ann, filters: [filter] });
    const third = await aliasDomain(on);
    const by = { actor: `renamer of ${domain}` };
    await directory.change({ type: 'rename-domain', name: domain.toUpperCase(), to, alias: true }, by);
    const after = harness.crash === undefined ? directory : await harness.crash();
    assert.equal((await after.account(bob))?.address, `Bob@${to}`);
    assert.deepEqual((await after.account(out))?.forward?.targets, [`BOB@${to}`]);
    assert.deepEqual((await after.account(ann))?.filters?.[0]?.then.forward, [`bob@${to}`]);
    const domains = (await after.domains()).filter(({ name }) => name.endsWith(domain));
    assert.deepEqual(Object.fromEntries(domains.map(({ name, aliasOf }) => [name, aliasOf])), {
      [domain]: to,
      [away]: undefined,
      [third]: to,
      [to]: undefined,
    });
    for (const at of [to, domain, third]) {
      assert.equal(await look(`bob+x@${at}`), `Bob@${to} x`);
      assert.equal(await look(`team@${at}`), `alias bob@${to} x@else.test`);
      assert.equal(await look(`who@${at}`), `alias team@${to}`);
      assert.equal((await directory.authenticate(`bob@${at}`, PASSWORD))?.account, bob);
    }
    assert.equal(await look(`all@${away}`), `alias team@${to}`);
    const [line] = await directory.audit({ limit: 1, actor: by.actor });
    assert.deepEqual([line?.act, line?.detail], ['rename-domain', { to, alias: true }]);
    // They change places; then the old name goes.
    await directory.change({ type: 'rename-domain', name: to, to: domain, alias: true });
    assert.equal(await look(`team@${third}`), `alias bob@${domain} x@else.test`);
    await directory.change({ type: 'rename-domain', name: domain, to, alias: false });
    assert.equal(await directory.isLocalDomain(domain), false);
    assert.equal(await look(`ann@${third}`), `ann@${to}`);
  },

  'a new name of a domain in which a name is taken, or that leads in a circle, changes nothing': async (on) => {
    const { directory, domain, account, alias, look } = on;
    const to = `new.${domain}`;
    const rename = (name: string, target: string) =>
      directory.change({ type: 'rename-domain', name, to: target, alias: false });
    await account(`bob@${domain}`);
    await alias(`team@${domain}`, `bob@${domain}`);
    await assert.rejects(rename(domain, domain), refused('bad-request'));
    await assert.rejects(rename('elsewhere.test', to), refused('bad-request'));
    await assert.rejects(rename(domain, 'no domain'), refused('bad-request'));
    await alias(`far@${domain}`, `far@${to}`);
    await assert.rejects(rename(domain, to), refused('conflict'));
    await directory.change({ type: 'remove-alias', address: `far@${domain}` });
    await directory.change({ type: 'add-domain', name: to });
    await account(`team@${to}`);
    await assert.rejects(rename(domain, to), refused('exists'));
    const other = await aliasDomain(on);
    await assert.rejects(rename(to, other), refused('bad-request'));
    assert.equal(await look(`team@${domain}`), `alias bob@${domain}`);
    assert.equal(await look(`bob@${to}`), 'unknown');
  },

  'a domain that another is an alias of stays; the alias goes': async (on) => {
    const { directory, domain } = on;
    const other = await aliasDomain(on);
    await assert.rejects(directory.change({ type: 'remove-domain', name: domain }), refused('conflict'));
    await directory.change({ type: 'remove-domain', name: other });
    await directory.change({ type: 'remove-domain', name: domain });
  },
};
