import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readAutodiscoverRequest } from './autodiscover.ts';
import { escapeXml } from './xml.ts';

const OUTLOOK = 'http://schemas.microsoft.com/exchange/autodiscover/outlook';
const request = (address: string, schema = `${OUTLOOK}/responseschema/2006a`) => `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="${OUTLOOK}/requestschema/2006">
  <Request>
    <EMailAddress>${address}</EMailAddress>
    <AcceptableResponseSchema>${schema}</AcceptableResponseSchema>
  </Request>
</Autodiscover>`;

test('the address of a request, as Outlook and Thunderbird write it', () => {
  assert.deepEqual(readAutodiscoverRequest(request('a@example.org')), { ok: true, address: 'a@example.org' });
  const prefixed =
    '<r:Autodiscover><r:Request><r:EMailAddress>\n a@b.example </r:EMailAddress></r:Request></r:Autodiscover>';
  assert.deepEqual(readAutodiscoverRequest(prefixed), { ok: true, address: 'a@b.example' });
  assert.deepEqual(readAutodiscoverRequest(request('o&apos;neill&#64;b&#x2e;example')), {
    ok: true,
    address: "o'neill@b.example",
  });
});

test('a request for another schema, without an address, or with declarations is refused', () => {
  const mobile = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006';
  assert.deepEqual(readAutodiscoverRequest(request('a@b.example', mobile)), { ok: false, code: 601 });
  const billion = `<!DOCTYPE x [<!ENTITY a "&b;&b;"><!ENTITY b "&c;&c;">]>${request('a@b.example')}`;
  for (const text of ['', '{}', '<EMailAddress></EMailAddress>', '<EMailAddress><b>a@b</b></EMailAddress>', billion]) {
    assert.deepEqual(readAutodiscoverRequest(text), { ok: false, code: 600 }, text);
  }
  assert.deepEqual(readAutodiscoverRequest(request('&xxe;')), { ok: true, address: '&xxe;' });
  assert.deepEqual(readAutodiscoverRequest(request('&#x110000;&#99999999;')), {
    ok: true,
    address: '&#x110000;&#99999999;',
  });
});

test('whatever was escaped is read back, and nothing makes it throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }), (text) => {
      const read = readAutodiscoverRequest(request(escapeXml(text)));
      assert.deepEqual(read, { ok: true, address: text.trim() });
    }),
  );
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void readAutodiscoverRequest(text)));
});

test('64 KB of anything is read at once', () => {
  const started = performance.now();
  for (const part of ['<EMailAddress>', '<EMailAddress ', '<a:EMailAddress>a', '&#1', '<AcceptableResponseSchema>a'])
    readAutodiscoverRequest(part.repeat(65_536 / part.length));
  assert.ok(performance.now() - started < 2000);
});
