import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalAddress, embeddedAddresses, ipv6Groups, isLoopback, networkMatcher, networkOf } from './address.ts';

test('canonicalAddress() gives each address one spelling', () => {
  for (const [written, expected] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:7f00:1', '127.0.0.1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['not an address', 'not an address'],
  ] as const) {
    assert.equal(canonicalAddress(written), expected);
  }
});

test('isLoopback() knows 127/8 and ::1 in any spelling, and nothing else', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.2']) {
    assert.ok(isLoopback(address), address);
  }
  for (const address of ['128.0.0.1', '::2', '::', '127.evil.test', '']) assert.ok(!isLoopback(address), address);
});

test('networkMatcher() matches networks and single addresses of both families', () => {
  const matches = networkMatcher(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:1::9', '::1'])
    assert.ok(matches(address));
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::2', 'unix']) assert.ok(!matches(address));
  assert.equal(networkMatcher([])('127.0.0.1'), false);
  assert.throws(() => networkMatcher(['nonsense']), TypeError);
});

test('ipv6Groups() yields eight groups', () => {
  assert.deepEqual(ipv6Groups('2001:db8::1'), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual(ipv6Groups('::'), [0, 0, 0, 0, 0, 0, 0, 0]);
});

test('networkOf() is the /64 of an IPv6 address, and any IPv4 address itself', () => {
  for (const [address, expected] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::/64'],
    ['unix', 'unix'],
  ] as const) {
    assert.equal(networkOf(address), expected);
  }
});

test('embeddedAddresses() finds IPv4 in every wrapping', () => {
  for (const [address, ...expected] of [
    ['::7f00:1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::ffff:0:127.0.0.1', '127.0.0.1'],
    ['64:ff9b::127.0.0.1', '127.0.0.1'],
    ['64:ff9b:1::7f00:1', '127.0.0.1'],
    ['2002:7f00:1::', '127.0.0.1'],
    ['2001:0:7f00:1::3f57:fefd', '127.0.0.1', '192.168.1.2'],
    ['fe80::5efe:7f00:1', '127.0.0.1'],
    ['2001:db8::200:5efe:7f00:1', '127.0.0.1'],
    ['2001:db8::7f00:1'],
    ['::'],
    ['::1'],
    ['127.0.0.1'],
  ] as const) {
    assert.deepEqual(embeddedAddresses(address), expected, address);
  }
});
