/** Every rendering, for all addresses that there can be: well-formed, escaped, and saying the same as the settings. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '#mail/address.ts';
import { EVERYTHING, offering } from '#test/support/setup-config.ts';
import { readXml, textAt, type XmlNode } from '#test/support/xml.ts';
import { renderAutoconfig } from './autoconfig.ts';
import { renderAutodiscover, renderAutodiscoverError, renderAutodiscoverJson } from './autodiscover.ts';
import { renderMobileconfig } from './mobileconfig.ts';
import { paccDigest, renderPacc } from './pacc.ts';
import { addressSettings, domainSettings } from './settings.ts';
import { escapeXml } from './xml.ts';

const config = offering(EVERYTHING);

/** Addresses with all that a local part may hold: quotes, markup, anything but controls. */
const anyAddress = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...`<>&"'\\]/%{};:,@ `.split('')),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 12,
  })
  .map((localPart) => formatAddress({ localPart, domain: 'example.org' }))
  .filter((text) => {
    try {
      return parseAddress(text) !== undefined;
    } catch {
      return false;
    }
  });

test('Autoconfig has all servers in order, and the placeholder instead of anybody’s address', () => {
  const root = readXml(renderAutoconfig(addressSettings(config, 'someone@example.org')));
  assert.equal(root.name, 'clientConfig');
  const [provider] = root.children;
  assert.equal(provider?.attributes.id, 'example.org');
  const servers = provider?.children.filter(({ name }) => name.endsWith('Server')) ?? [];
  assert.deepEqual(
    servers.map((s) => [s.attributes.type, textAt(s, 'hostname'), textAt(s, 'port'), textAt(s, 'socketType')]),
    [
      ['imap', 'mail.example.org', '993', 'SSL'],
      ['imap', 'mail.example.org', '143', 'STARTTLS'],
      ['pop3', 'mail.example.org', '995', 'SSL'],
      ['pop3', 'mail.example.org', '110', 'STARTTLS'],
      ['smtp', 'mail.example.org', '465', 'SSL'],
      ['smtp', 'mail.example.org', '587', 'STARTTLS'],
    ],
  );
  for (const server of servers) {
    assert.equal(textAt(server, 'username'), '%EMAILADDRESS%');
    assert.equal(textAt(server, 'authentication'), 'password-cleartext');
  }
});

test('Autodiscover names the best of each type, never without encryption', () => {
  const root = readXml(renderAutodiscover(addressSettings(config, 'a@example.org')));
  assert.equal(root.attributes.xmlns, 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006');
  const response = root.children[0];
  assert.equal(
    response?.attributes.xmlns,
    'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a',
  );
  const account = response?.children.find(({ name }) => name === 'Account');
  const protocols = account?.children.filter(({ name }) => name === 'Protocol') ?? [];
  assert.deepEqual(
    protocols.map((p) => ['Type', 'Port', 'SSL', 'Encryption', 'LoginName'].map((name) => textAt(p, name))),
    [
      ['IMAP', '993', 'on', 'SSL', 'a@example.org'],
      ['POP3', '995', 'on', 'SSL', 'a@example.org'],
      ['SMTP', '465', 'on', 'SSL', 'a@example.org'],
    ],
  );
  const starttls = readXml(renderAutodiscover(addressSettings(offering(['imap', 'submission']), 'a@example.org')));
  const types = starttls.children[0]?.children[1]?.children.filter(({ name }) => name === 'Protocol') ?? [];
  assert.deepEqual(
    types.map((p) => [textAt(p, 'Type'), textAt(p, 'SSL'), textAt(p, 'Encryption')]),
    [
      ['IMAP', 'on', 'TLS'],
      ['SMTP', 'on', 'TLS'],
    ],
  );
});

test('Autodiscover’s errors and version 2', () => {
  const error = readXml(renderAutodiscoverError(600, Date.UTC(2026, 0, 2, 3, 4, 5, 6)));
  assert.equal(textAt(error, 'Response', 'Error', 'ErrorCode'), '600');
  assert.equal(error.children[0]?.children[0]?.attributes.Time, '03:04:05.0060000');
  const url = 'https://autodiscover.example.org/autodiscover/autodiscover.xml';
  assert.deepEqual(JSON.parse(renderAutodiscoverJson('autodiscoverV1', url).body), {
    Protocol: 'AutodiscoverV1',
    Url: url,
  });
  assert.equal(renderAutodiscoverJson('ActiveSync', url).found, false);
});

/** A property list as data, so far as ours go. */
function plist(node: XmlNode | undefined): unknown {
  if (node?.name === 'string') return node.text;
  if (node?.name === 'integer') return Number(node.text);
  if (node?.name === 'true' || node?.name === 'false') return node.name === 'true';
  if (node?.name === 'array') return node.children.map(plist);
  assert.equal(node?.name, 'dict');
  const pairs = Array.from({ length: (node?.children.length ?? 0) / 2 }, (_, i) => [
    node?.children[2 * i]?.text ?? '',
    plist(node?.children[2 * i + 1]),
  ]);
  return Object.fromEntries(pairs);
}

test('a profile says what the settings say, holds no password, and replaces its former self', () => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      const settings = addressSettings(config, address);
      const text = renderMobileconfig(settings) ?? '';
      const root = readXml(text);
      assert.equal(text, renderMobileconfig(addressSettings(config, address)));
      const profile = plist(root.children[0]) as {
        [key: string]: unknown;
        PayloadContent: { [key: string]: unknown }[];
      };
      const [mail] = profile.PayloadContent;
      assert.equal(mail?.EmailAddress, settings.address);
      assert.equal(mail?.IncomingMailServerUsername, settings.address);
      assert.equal(mail?.IncomingMailServerPortNumber, 993);
      assert.equal(mail?.OutgoingMailServerPortNumber, 465);
      assert.equal(mail?.EmailAccountType, 'EmailTypeIMAP');
      assert.ok(!Object.keys(mail ?? {}).some((key) => key === 'IncomingPassword' || key === 'OutgoingPassword'));
      assert.notEqual(mail?.PayloadUUID, profile.PayloadUUID);
      assert.match(String(mail?.PayloadUUID), /^[\dA-F]{8}-[\dA-F]{4}-8[\dA-F]{3}-[89AB][\dA-F]{3}-[\dA-F]{12}$/);
    }),
  );
  assert.equal(renderMobileconfig(domainSettings(config, 'example.org')), undefined);
  assert.equal(renderMobileconfig(addressSettings(offering(['imaps']), 'a@example.org')), undefined);
});

test('all XML holds any address as text', () => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      const settings = addressSettings(config, address);
      const reply = readXml(renderAutodiscover(settings));
      assert.equal(textAt(reply, 'Response', 'Account', 'Protocol', 'LoginName'), settings.address);
      assert.equal(renderAutoconfig(settings), renderAutoconfig(domainSettings(config, 'example.org')));
    }),
  );
});

test('escapeXml() makes text of anything at all', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      readXml(`<?xml version="1.0" encoding="UTF-8"?>\n<a b="${escapeXml(text)}">${escapeXml(text)}</a>`);
    }),
  );
  readXml(`<?xml version="1.0" encoding="UTF-8"?>\n<a>${escapeXml('\ud800 \0 \udc00')}</a>`);
});

test('PACC: servers by host on standard ports alone, and the digest of just these octets', () => {
  const body = renderPacc(domainSettings(config, 'example.org')) ?? '';
  assert.deepEqual(JSON.parse(body), {
    protocols: {
      imap: { host: 'mail.example.org' },
      pop3: { host: 'mail.example.org' },
      smtp: { host: 'mail.example.org' },
      submit: { host: 'mail.example.org' },
    },
    authentication: { password: true },
    info: { provider: { name: 'example.org' } },
  });
  const digest = createHash('sha256').update(Buffer.from(body)).digest('base64');
  assert.equal(paccDigest(body), `v=UAAC1; a=sha256; d=${digest}`);
  assert.equal(renderPacc(domainSettings(offering(EVERYTHING, { portBase: 10_000 }), 'example.org')), undefined);
  assert.equal(renderPacc(domainSettings(offering(['imap', 'submission']), 'example.org')), undefined);
  assert.ok(renderPacc(domainSettings(config, `${'a'.repeat(60)}.example.org`))?.includes('…'));
});
