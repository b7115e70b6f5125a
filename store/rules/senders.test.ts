import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '#mail/address.ts';
import type { IndexedAddress } from '#mail/mime/message-index.ts';
import { isAlwaysReachable, isListed, judgeSender, senderPattern } from './senders.ts';

const from = (...addresses: string[]): IndexedAddress[] => addresses.map((address) => ({ name: '', address }));
const path = (text: string) => parseAddress(text);

test('a pattern has one form; what is none is undefined', () => {
  const forms: readonly (readonly [string, string | undefined])[] = [
    ['Bob@Example.ORG', 'bob@example.org'],
    [' @Example.org ', '@example.org'],
    ['.Example.org', '.example.org'],
    ['@bücher.example', '@xn--bcher-kva.example'],
    ['.BÜCHER.example', '.xn--bcher-kva.example'],
    ['JOSE\u0301@x.test', 'josé@x.test'],
    ['"A.b"@x.test', 'a.b@x.test'],
    ['a@[127.0.0.1]', 'a@[127.0.0.1]'],
    ['example.org', undefined],
    ['@', undefined],
    ['.', undefined],
    ['..org', undefined],
    ['*@example.org', '*@example.org'],
    ['a@b@c', undefined],
    ['', undefined],
  ];
  for (const [text, form] of forms) assert.equal(senderPattern(text), form, text);
});

test('user@domain is one address, @domain one domain, .domain that and all below', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['bob@a.test', 'BOB@A.test', true],
    ['bob@a.test', 'bob@b.a.test', false],
    ['@a.test', 'x@a.test', true],
    ['@a.test', 'x@b.a.test', false],
    ['.a.test', 'x@a.test', true],
    ['.a.test', 'x@c.b.a.test', true],
    ['.a.test', 'x@ba.test', false],
    ['.test', 'x@a.test', true],
    ['.bücher.example', 'x@news.xn--bcher-kva.example', true],
  ];
  for (const [pattern, address, listed] of cases)
    assert.equal(isListed([senderPattern(pattern) ?? ''], path(address)), listed, `${pattern} ${address}`);
});

test('blocked by the envelope or by any author; allowed is stronger, and needs every author', () => {
  const lists = { allow: ['friend@evil.test', '@good.test'], block: ['.evil.test', 'spam@good.test'] };
  const judge = (reverse: string | null, ...authors: string[]) =>
    judgeSender(lists, { reversePath: reverse === null ? null : path(reverse), from: from(...authors) });
  assert.equal(judge('x@evil.test', 'x@else.test'), 'blocked');
  assert.equal(judge('x@else.test', 'x@sub.evil.test'), 'blocked');
  assert.equal(judge(null, 'x@else.test', 'X@EVIL.test'), 'blocked');
  assert.equal(judge(null, 'friend@evil.test'), 'allowed');
  assert.equal(judge('friend@evil.test', 'x@evil.test'), 'allowed');
  assert.equal(judge('spam@good.test'), 'allowed');
  assert.equal(judge('x@evil.test', 'friend@evil.test', 'x@evil.test'), 'blocked');
  assert.equal(judge('x@else.test', 'a@good.test', 'x@else.test'), undefined);
  assert.equal(judge('x@else.test', 'a@good.test', 'no address'), undefined);
  assert.equal(judge(null), undefined);
});

test('From in letters of other alphabets is compared in the form of the domain name system', () => {
  const lists = { allow: [], block: ['@xn--bcher-kva.example'] };
  assert.equal(judgeSender(lists, { reversePath: null, from: from('x@Bücher.example') }), 'blocked');
});

test('postmaster and abuse are always reachable', () => {
  assert.deepEqual(['Postmaster', 'ABUSE', 'abuser', 'post'].map(isAlwaysReachable), [true, true, false, false]);
});

test('a form is its own form, and matches what it was made from', () => {
  fc.assert(
    fc.property(fc.emailAddress(), (address) => {
      const form = senderPattern(address);
      if (form === undefined) return;
      assert.equal(senderPattern(form), form);
      assert.ok(isListed([form], path(address)));
      assert.ok(isListed([`.${path(address).domain}`], path(address)));
      assert.ok(!isListed([`@x.${path(address).domain}`], path(address)));
    }),
  );
});

test('ten thousand authors and a name of many labels cost little', () => {
  const block = Array.from({ length: 1_000 }, (_, i) => `@d${i}.test`);
  const crowd = from(...Array.from({ length: 10_000 }, (_, i) => `x@${'a.'.repeat(100)}e${i}.test`));
  const before = process.cpuUsage();
  for (let i = 0; i < 20; i++) judgeSender({ allow: [], block }, { reversePath: null, from: crowd });
  const { user } = process.cpuUsage(before);
  assert.ok(user < 1_000_000, `${user / 20} µs each`);
});
