/** Addresses and header fields, in all their forms. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AddressSyntaxError, formatAddress, needsUtf8, parseAddress, parseDomain } from '#mail/address.ts';
import { indexedAddresses, parseAddressList } from '#mail/header/address-list.ts';
import { decodeText } from '#mail/header/charset.ts';
import { formatDate, parseDate } from '#mail/header/date.ts';
import { decodeWords, encodeWords } from '#mail/header/encoded-word.ts';
import { selectFields, splitFields, unfold } from '#mail/header/fields.ts';
import { formatParameter, parseParameters } from '#mail/header/parameters.ts';
import { decodeMailboxName, encodeMailboxName } from '#mail/mailbox-name.ts';
import { textOfHtml } from '#mail/mime/html.ts';
import { formatOrcpt, parseOrcpt } from '#mail/smtp/orcpt.ts';
import { CommandSyntaxError } from '#mail/smtp/syntax-error.ts';
import { decodeXtext, encodeXtext, XtextSyntaxError } from '#mail/xtext.ts';
import { corpus } from '../seeds.ts';
import type { Target } from '../target.ts';
import { enlarged, holds, refusing, roundTrip } from './kit.ts';

const SAMPLES = [
  'bob@beta.test',
  '"a b"@c.d',
  'dörte@bücher.example',
  'a@[192.0.2.1]',
  'a@[IPv6:2001:db8::1]',
  'x@xn--bcher-kva.example',
  'a.b+c=d@e-f.g',
  '"\\""@x',
  'Bob <bob@b>, "Carol, C." (x (y)) <c@d>; group: a@b, c@d;',
  '=?utf-8?b?w6k=?= <e@f>',
  'Mon, 23 Nov 2026 11:15:01 +0100 (CET)',
  '1 Jan 70 00:00 EST',
  'text/plain; charset="utf-8"; name*0*=utf-8\'de\'%c3%a4; name*1=x',
  '&AOk-&-x',
  'INBOX/&U,BTFw-',
  'rfc822;a+40b',
  'utf-8;\\x{E9}@x',
  'a+2Bb',
  '<p>a&amp;b<br></p><!-- x --><style>y</style>',
  'Subject: a\r\n b\r\nX-Y : z\r\n\r\n',
];

export const addresses: Target = {
  name: 'addresses',
  dictionary: [
    '@',
    '<',
    '>',
    ',',
    ';',
    ':',
    '"',
    '\\',
    '(',
    ')',
    '[',
    ']',
    '.',
    ' ',
    '\t',
    '\r\n ',
    '=?utf-8?q?',
    '?=',
    '*0*=',
    "''",
    '%',
    '&',
    '-',
    '\x7f',
    '\xc2\xa0',
    '\xe2\x80\xae',
    '\xef\xbf\xbd',
    'xn--',
    'IPv6:',
    '::',
  ],
  seeds: () => [...SAMPLES.map((text) => Buffer.from(text)), ...corpus(1_500).filter((_, i) => i % 3 === 0)],
  run(input, random) {
    const binary = input.toString('latin1');
    const text = input.toString('utf8');
    for (const each of [binary.slice(0, 400), text.slice(0, 400)]) checkAddress(each, random.chance(50));
    checkHeader(binary);
    checkNames(text.slice(0, 1_000));
    if (random.below(300) === 0) {
      const large = enlarged(input).toString('latin1');
      parseAddressList(large);
      checkHeader(large);
      checkHeader(`X: ${large.replace(/[\r\n]+/g, ' ')}`);
      textOfHtml(large);
      decodeMailboxName(large);
    }
    const html = textOfHtml(text);
    assert.ok(html.length <= 2 * text.length + 10, 'text grows');
    decodeText(input, random.pick(['utf-8', 'utf-16', 'iso-2022-jp', 'gb18030', 'x-unknown', binary.slice(0, 20)]));
  },
  properties: [
    holds(fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(decodeWords(encodeWords(text)), text))),
    holds(fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(decodeXtext(encodeXtext(text)), text))),
    holds(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((name) => name.isWellFormed()),
        (name) => {
          assert.equal(decodeMailboxName(encodeMailboxName(name)), name);
        },
      ),
    ),
    holds(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !/[\0-\x1f\x7f]/.test(value)),
        (value) => {
          const [read] = parseParameters(`a/b${formatParameter('name', value)}`).parameters;
          assert.equal(read?.value, value);
        },
      ),
    ),
  ],
};

function checkAddress(text: string, utf8: boolean): void {
  const address = refusing(() => parseAddress(text, { utf8 }), AddressSyntaxError);
  if (address !== undefined) {
    if (!utf8) assert.equal(needsUtf8(address), false);
    roundTrip(address, () => parseAddress(formatAddress(address)));
  }
  const domain = refusing(() => parseDomain(text, { utf8 }), AddressSyntaxError);
  if (domain !== undefined) roundTrip(domain, () => parseDomain(domain));
  // A group that is cut off is ended.
  const list = parseAddressList(text, { items: 50 });
  assert.ok(list.items.length <= 51, 'more items than the limit');
  indexedAddresses(list.items);
}

function checkHeader(binary: string): void {
  const fields = splitFields(binary);
  let at = 0;
  for (const { start, end, value } of fields) {
    assert.ok(start >= at && end >= start && end <= binary.length, 'fields overlap');
    at = end;
    const whole = unfold(value);
    const parsed = parseParameters(whole);
    assert.ok(parsed.parameters.length <= 200);
    assert.ok(decodeWords(whole).length <= 2 * whole.length + 10);
    const date = parseDate(whole);
    if (date !== undefined) roundTrip(date, () => parseDate(formatDate(date)) as typeof date);
  }
  const some = selectFields(binary, ['subject', 'to']).length + selectFields(binary, ['subject', 'to'], true).length;
  assert.ok(some <= binary.length + 2 * fields.length + 4, 'selected fields grow');
}

function checkNames(text: string): void {
  const name = decodeMailboxName(text);
  if (name !== undefined) assert.equal(encodeMailboxName(name), text);
  const xtext = refusing(() => decodeXtext(text), XtextSyntaxError);
  if (xtext !== undefined) roundTrip(xtext, () => decodeXtext(encodeXtext(xtext)));
  const orcpt = refusing(() => parseOrcpt(text), CommandSyntaxError);
  if (orcpt === undefined) return;
  for (const utf8 of [true, false]) {
    const again = formatOrcpt(orcpt, utf8);
    // An address may need more room in the other form than there is.
    if (again.length <= 500) roundTrip(orcpt, () => parseOrcpt(again));
  }
}
