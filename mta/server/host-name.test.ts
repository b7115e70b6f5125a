import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, DnsFailure, type Resolver } from '#runtime/dns/resolver.ts';
import { settle } from '#test/support/clock.ts';
import { lookUpHostName } from './host-name.ts';

const answer = <T>(...records: T[]): Answer<T> => ({
  status: records.length > 0 ? 'ok' : 'nodata',
  records,
  authentic: false,
  ttl: 1,
});

function resolver(ptr: string[], addresses: Record<string, string[]>): Resolver {
  const look = async (name: string) => answer(...(addresses[name] ?? []));
  return { mx: async () => answer(), txt: async () => answer(), ptr: async () => answer(...ptr), a: look, aaaa: look };
}

async function nameOf(dns: Resolver, address = '192.0.2.1'): Promise<string | undefined> {
  const name = lookUpHostName(dns, address);
  assert.equal(name(), undefined);
  await settle();
  return name();
}

test('a name counts only if it leads back to the address', async () => {
  assert.equal(await nameOf(resolver(['a.test'], { 'a.test': ['192.0.2.9', '192.0.2.1'] })), 'a.test');
  assert.equal(await nameOf(resolver(['bank.test'], { 'bank.test': ['192.0.2.9'] })), undefined);
  assert.equal(await nameOf(resolver(['x.test', 'b.test'], { 'b.test': ['2001:DB8:0::1'] }), '2001:db8::1'), 'b.test');
  assert.equal(await nameOf(resolver([], {})), undefined);
});

test('DNS trouble means no name', async () => {
  const broken: Resolver = {
    ...resolver([], {}),
    ptr: async () => {
      throw new DnsFailure('timeout', 'no answer');
    },
  };
  assert.equal(await nameOf(broken), undefined);
});
