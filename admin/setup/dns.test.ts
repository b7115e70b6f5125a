import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVERYTHING, offering } from '#test/support/setup-config.ts';
import { domainRecords } from './dns.ts';
import { paccDigest, renderPacc } from './pacc.ts';
import { domainSettings } from './settings.ts';
import { zoneLine, zoneText } from './zone.ts';

const lines = (...args: Parameters<typeof domainRecords>) => domainRecords(...args).records.map(zoneLine);

test('the records of a domain whose peer offers all', () => {
  const config = offering(EVERYTHING);
  assert.deepEqual(lines(config, 'example.org', ['192.0.2.1', '2001:db8::1']), [
    'mail.example.org. 3600 IN A 192.0.2.1',
    'mail.example.org. 3600 IN AAAA 2001:db8::1',
    'example.org. 3600 IN MX 10 mail.example.org.',
    '_imaps._tcp.example.org. 3600 IN SRV 0 1 993 mail.example.org.',
    '_imap._tcp.example.org. 3600 IN SRV 10 1 143 mail.example.org.',
    '_pop3s._tcp.example.org. 3600 IN SRV 20 1 995 mail.example.org.',
    '_pop3._tcp.example.org. 3600 IN SRV 30 1 110 mail.example.org.',
    '_submissions._tcp.example.org. 3600 IN SRV 0 1 465 mail.example.org.',
    '_submission._tcp.example.org. 3600 IN SRV 10 1 587 mail.example.org.',
    'autoconfig.example.org. 3600 IN CNAME mail.example.org.',
    'autodiscover.example.org. 3600 IN CNAME mail.example.org.',
    'ua-auto-config.example.org. 3600 IN CNAME mail.example.org.',
    '_autodiscover._tcp.example.org. 3600 IN SRV 0 1 443 mail.example.org.',
    `_ua-auto-config.example.org. 3600 IN TXT "${paccDigest(renderPacc(domainSettings(config, 'example.org')) ?? '')}"`,
    'example.org. 3600 IN TXT "v=spf1 a:mail.example.org ~all"',
    'mail.example.org. 3600 IN TXT "v=spf1 a -all"',
    '_dmarc.example.org. 3600 IN TXT "v=DMARC1; p=none"',
  ]);
});

test('what is not offered is said to be not there, or not said at all', () => {
  const found = domainRecords(offering(['imaps', 'submissions']), 'other.example');
  assert.deepEqual(found.records.map(zoneLine), [
    '_imaps._tcp.other.example. 3600 IN SRV 0 1 993 mail.example.org.',
    '_imap._tcp.other.example. 3600 IN SRV 0 0 0 .',
    '_pop3s._tcp.other.example. 3600 IN SRV 0 0 0 .',
    '_pop3._tcp.other.example. 3600 IN SRV 0 0 0 .',
    '_submissions._tcp.other.example. 3600 IN SRV 0 1 465 mail.example.org.',
    '_submission._tcp.other.example. 3600 IN SRV 0 0 0 .',
    'other.example. 3600 IN TXT "v=spf1 a:mail.example.org ~all"',
    '_dmarc.other.example. 3600 IN TXT "v=DMARC1; p=none"',
  ]);
  assert.match(found.notes.join('\n'), /another domain's.*no MX.*no https on port 443/s);
  assert.deepEqual(found.certificateNames, ['mail.example.org']);
});

test('shifted ports stand in SRV records; names that programs try on standard ports alone do not', () => {
  const config = offering(EVERYTHING, { host: '127.0.0.1', portBase: 10_000 });
  const found = domainRecords(config, 'example.org');
  const text = found.records.map(zoneLine).join('\n');
  assert.match(text, /^_imaps\._tcp\S+ 3600 IN SRV 0 1 10993 /m);
  assert.match(text, /^_autodiscover\._tcp\S+ 3600 IN SRV 0 1 10443 /m);
  assert.doesNotMatch(text, /CNAME|UAAC1/);
  assert.match(found.notes.join('\n'), /port 25/);
});

test('no SPF where a smarthost sends; http alone gives Autoconfig a name', () => {
  const config = offering(['smtp', 'imaps', 'submissions', 'http']);
  const smarthost = { protocol: 'smtp', host: 'relay.example', port: 25 } as const;
  const found = domainRecords({ ...config, delivery: { ...config.delivery, smarthost } }, 'example.org');
  assert.ok(found.notes.some((note) => note.includes('smarthost')));
  assert.deepEqual(
    found.records.filter(({ type }) => type === 'TXT').map(({ name }) => name),
    ['_dmarc.example.org'],
  );
  assert.deepEqual(found.certificateNames, ['mail.example.org', 'autoconfig.example.org']);
});

test('DKIM keys stand before the policy, split where they are long', () => {
  const value = `v=DKIM1; k=rsa; p=${'A'.repeat(392)}`;
  const dkim = { signs: true, records: [{ name: '2026a._domainkey.example.org', value }], notes: ['DKIM: see'] };
  const found = domainRecords(offering(EVERYTHING), 'example.org', [], dkim);
  const text = zoneText(found);
  assert.match(text, /^2026a\._domainkey\.example\.org\. 3600 IN TXT "v=DKIM1; k=rsa; p=A+" "A+"$/m);
  for (const [, string = ''] of text.matchAll(/"(v=DKIM1[^"]*)"/g)) assert.equal(string.length, 255);
  assert.match(text, /_domainkey.*; suggested: p=quarantine.*_dmarc.*; note: DKIM: see/s);
  assert.ok(text.indexOf('_domainkey') < text.indexOf('_dmarc'));
});

test('zone text: comments say what for; texts are quoted, and split at 255 octets', () => {
  const text = zoneText(domainRecords(offering(EVERYTHING), 'example.org'));
  for (const line of text.split('\n')) assert.match(line, /^(?:|; .+|[\w.-]+\. 3600 IN [A-Z]+ .+)$/);
  const long = zoneLine({ name: 'a.example', type: 'TXT', ttl: 1, value: `"\\é${'x'.repeat(300)}`, purpose: '' });
  assert.equal(long, `a.example. 1 IN TXT "\\"\\\\\\195\\169${'x'.repeat(251)}" "${'x'.repeat(49)}"`);
});
