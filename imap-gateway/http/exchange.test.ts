import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { fakeRandom } from '#test/support/random.ts';
import { examiner } from './exchange.ts';

const trustedProxies = ['10.0.0.0/8', '127.0.0.1'];
const examine = (remoteAddress: string | undefined, headers: object = {}, trusted = trustedProxies) => {
  const request = { socket: { remoteAddress }, headers, url: '/a/b?c=d?e' } as unknown as IncomingMessage;
  return examiner({ trustedProxies: trusted, random: fakeRandom() })(request);
};

test('a request is taken apart', () => {
  const { host, path, query } = examine('192.0.2.1', { host: 'Mail.Alpha.Test:8443' });
  assert.deepEqual({ host, path, query }, { host: 'mail.alpha.test', path: '/a/b', query: 'c=d?e' });
});

test('without TLS only this host may bring credentials', () => {
  assert.equal(examine('::ffff:192.0.2.1').secure, false);
  assert.equal(examine('::ffff:192.0.2.1').remote, '192.0.2.1');
  assert.equal(examine('::1').secure, true);
  assert.equal(examine(undefined).secure, true);
  assert.equal(examine(undefined).remote, 'unix');
});

test('a trusted proxy is believed, and nobody else', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.1.1.1', 'x-forwarded-proto': 'https' };
  const behind = examine('10.0.0.1', forwarded);
  // What stands left of the first address that no proxy of ours has is the client's own word.
  assert.deepEqual([behind.remote, behind.secure, behind.https], ['198.51.100.7', true, true]);
  const liar = examine('192.0.2.1', forwarded);
  assert.deepEqual([liar.remote, liar.secure, liar.https], ['192.0.2.1', false, false]);
});

test('what a proxy on this host passes on without TLS is not from this host', () => {
  const passed = examine('127.0.0.1', { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'http' });
  assert.deepEqual([passed.remote, passed.secure], ['203.0.113.9', false]);
  assert.equal(examine('127.0.0.1').secure, true);
});

test('a proxy on this host that nobody configured does not make strangers local', () => {
  const passed = examine('127.0.0.1', { 'x-forwarded-for': '203.0.113.9' }, []);
  assert.deepEqual([passed.remote, passed.secure], ['127.0.0.1', false]);
  for (const name of ['x-real-ip', 'forwarded', 'via', 'x-forwarded-proto']) {
    assert.equal(examine('127.0.0.1', { [name]: 'x' }, []).secure, false, name);
  }
});
