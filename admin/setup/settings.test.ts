import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVERYTHING, offering } from '#test/support/setup-config.ts';
import { addressSettings, domainSettings, profileLink } from './settings.ts';

const summary = ({ incoming, outgoing }: ReturnType<typeof domainSettings>) =>
  [...incoming, ...outgoing].map(({ protocol, port, security }) => `${protocol} ${port} ${security}`);

test('only what listens is offered, the best first', () => {
  assert.deepEqual(summary(domainSettings(offering(EVERYTHING), 'Example.ORG')), [
    'imaps 993 tls',
    'imap 143 starttls',
    'pop3s 995 tls',
    'pop3 110 starttls',
    'submissions 465 tls',
    'submission 587 starttls',
  ]);
  assert.deepEqual(summary(domainSettings(offering(['imap', 'submission']), 'example.org')), [
    'imap 143 starttls',
    'submission 587 starttls',
  ]);
});

test('a port base shifts the ports, also those of links', () => {
  const config = offering(EVERYTHING, { host: '127.0.0.1', portBase: 10_000 });
  const settings = addressSettings(config, 'a+b@example.org');
  assert.equal(summary(settings)[0], 'imaps 10993 tls');
  assert.equal(profileLink(settings), 'https://mail.example.org:10443/setup/mobileconfig?address=a%2Bb%40example.org');
});

test('listeners on loopback are for neighbours, unless there are no others; the standard port wins among several', () => {
  const config = offering(['imaps', 'submissions']);
  const at = (host: string, port: number) => ({ host, port });
  const listeners = {
    ...config.listeners,
    imap: [at('127.0.0.1', 143), at('::1', 143)],
    imaps: [at('127.0.0.1', 10_993), at('192.0.2.1', 1993), at('192.0.2.1', 993)],
    https: [at('127.0.0.1', 8443)],
  };
  const settings = addressSettings({ ...config, listeners }, 'a@example.org');
  assert.deepEqual(summary(settings), ['imaps 993 tls', 'submissions 465 tls']);
  assert.equal(profileLink(settings), undefined);
});

test('a trusted proxy in front of the web has https on its standard port', () => {
  const config = offering(['imaps', 'submissions']);
  const listeners = { ...config.listeners, http: [{ host: '127.0.0.1', port: 8080 }] };
  const rest = { ...config.rest, trustedProxies: ['127.0.0.1'] };
  assert.deepEqual(domainSettings({ ...config, listeners, rest }, 'example.org').web, { https: 443 });
  assert.deepEqual(domainSettings({ ...config, listeners }, 'example.org').web, {});
});

test('names are checked and written in A-labels', () => {
  const config = offering(EVERYTHING);
  assert.equal(addressSettings(config, 'grüße@Bücher.example').address, 'grüße@xn--bcher-kva.example');
  for (const bad of ['a@[192.0.2.1]', 'a', '<a@b.example>', 'a@b.example\n', '']) {
    assert.throws(() => addressSettings(config, bad), SyntaxError, bad);
  }
});
