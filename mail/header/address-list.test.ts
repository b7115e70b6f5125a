import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AddressItem, formatAddrSpec, indexedAddresses, parseAddressList } from './address-list.ts';

const box = (local: string, domain: string, name?: string, route?: string): AddressItem => ({
  kind: 'mailbox',
  ...(name === undefined ? {} : { name }),
  ...(route === undefined ? {} : { route }),
  local,
  domain,
});

test('reads addresses, groups and obsolete forms', () => {
  const cases: [string, AddressItem[]][] = [
    ['bob@beta.test', [box('bob', 'beta.test')]],
    [
      'Bob <bob@beta.test>, "Dave, D." <dave@beta.test>',
      [box('bob', 'beta.test', 'Bob'), box('dave', 'beta.test', 'Dave, D.')],
    ],
    ['bob@beta.test (Bob (the) Builder)', [box('bob', 'beta.test', 'Bob (the) Builder')]],
    ['Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>', [box('pete', 'silly.test', 'Pete')]],
    ['John Q. Public <john@x.test>', [box('john', 'x.test', 'John Q. Public')]],
    ['"a b"@x.test', [box('a b', 'x.test')]],
    ['Joe <@a.test,@b.test:joe@c.test>', [box('joe', 'c.test', 'Joe', '@a.test,@b.test')]],
    ['x@[IPv6:2001:db8::1]', [box('x', '[IPv6:2001:db8::1]')]],
    [
      'A Group:Ed <ed@x.test>,joe@y.test;',
      [{ kind: 'group', name: 'A Group' }, box('ed', 'x.test', 'Ed'), box('joe', 'y.test'), { kind: 'end' }],
    ],
    ['undisclosed-recipients:;', [{ kind: 'group', name: 'undisclosed-recipients' }, { kind: 'end' }]],
    ['=?utf-8?Q?Last,_First?= <a@x.test>', [box('a', 'x.test', '=?utf-8?Q?Last,_First?=')]],
    ['a@x.test; b@x.test', [box('a', 'x.test'), box('b', 'x.test')]],
    [',, a@x.test,', [box('a', 'x.test')]],
    ['root', [box('root', '')]],
    ['a @ x . test', [box('a', 'x.test')]],
    ['<>', []],
    ['Bob <bob@x.test', [box('bob', 'x.test', 'Bob')]],
    ['"unterminated <a@b>', [box('unterminated <a@b>', '')]],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseAddressList(text).items, expected, text);
});

test('an address that was formatted is read back', () => {
  const local = fc.string({ minLength: 1 }).filter((s) => !/[\x00-\x1f\x7f]/.test(s));
  fc.assert(
    fc.property(local, fc.domain(), (name, domain) => {
      assert.deepEqual(parseAddressList(formatAddrSpec(name, domain)).items, [box(name, domain)]);
    }),
  );
});

test('never throws, and cuts off at the limit', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'a@<>,;:"\\()[]. =?'.split('')) }),
      (text) => void parseAddressList(text),
    ),
  );
  const many = parseAddressList('a@b,'.repeat(100), { items: 10 });
  assert.equal(many.items.length, 10);
  assert.ok(many.truncated);
});

test('hostile lists stay cheap', () => {
  for (const unit of ['(', '<', '"', ':', '=?', 'a:', '<@', '\\', '[']) parseAddressList(unit.repeat(200_000));
});

test('decodes names for the index', () => {
  const { items } = parseAddressList('=?utf-8?B?w4Q=?= Z <a@x.test>, G: "\xc3\xa4" <b@x.test>;');
  assert.deepEqual(indexedAddresses(items), [
    { name: 'Ä Z', address: 'a@x.test' },
    { name: 'G', address: '' },
    { name: 'ä', address: 'b@x.test' },
  ]);
});
