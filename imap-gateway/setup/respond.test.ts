import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { paccDigest, renderPacc } from '#admin/setup/pacc.ts';
import { domainSettings } from '#admin/setup/settings.ts';
import { EVERYTHING, offering } from '#test/support/setup-config.ts';
import { readXml, textAt } from '#test/support/xml.ts';
import { respond, type SetupRequest, type SetupResponse } from './respond.ts';

const ours = new Set(['example.org', 'customer.example']);
const services = {
  config: offering(EVERYTHING),
  isLocalDomain: async (domain: string) => ours.has(domain),
  now: () => 0,
};

async function ask(url: string, request: Partial<SetupRequest> = {}): Promise<SetupResponse> {
  const { host, pathname, search } = new URL(url);
  const wanted = { method: 'GET', host, path: pathname, query: search.slice(1), secure: true, body: '', ...request };
  const response = await respond(wanted, services);
  assert.ok(response !== undefined, `nobody wants ${url}`);
  return response;
}

const outlook = (address: string) =>
  `<Autodiscover><Request><EMailAddress>${address}</EMailAddress></Request></Autodiscover>`;

test('Autoconfig answers at all its places, for our domains alone', async () => {
  for (const url of [
    'https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=a%40example.org',
    'http://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=nobody%40Example.org',
    'https://example.org/.well-known/autoconfig/mail/config-v1.1.xml',
    'https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=%25EMAILADDRESS%25',
    // Where the MX of a hosted domain leads to.
    'https://autoconfig.hoster.example/mail/config-v1.1.xml?emailaddress=a%40example.org',
  ]) {
    const { status, headers, body } = await ask(url);
    assert.equal(status, 200, url);
    assert.match(headers['Content-Type'] ?? '', /^text\/xml/);
    assert.equal(headers['Cache-Control'], 'public, max-age=3600');
    assert.equal(textAt(readXml(body), 'emailProvider', 'domain'), 'example.org');
  }
  for (const url of [
    'https://autoconfig.foreign.example/mail/config-v1.1.xml',
    'https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=a%40foreign.example',
    'https://mail.example.org/.well-known/autoconfig/mail/config-v1.1.xml',
    'https://192.0.2.1/mail/config-v1.1.xml',
  ]) {
    assert.equal((await ask(url)).status, 404, url);
  }
});

test('Autodiscover answers POST and GET, in any letter case', async () => {
  for (const path of [
    '/autodiscover/autodiscover.xml',
    '/Autodiscover/Autodiscover.xml',
    '/AutoDiscover/AUTODISCOVER.XML',
  ]) {
    const posted = await ask(`https://autodiscover.example.org${path}`, {
      method: 'POST',
      body: outlook('a@example.org'),
    });
    assert.equal(textAt(readXml(posted.body), 'Response', 'Account', 'Protocol', 'LoginName'), 'a@example.org');
    const got = await ask(`https://example.org${path}?Email=a%40customer.example`);
    assert.equal(textAt(readXml(got.body), 'Response', 'User', 'DisplayName'), 'a@customer.example');
    assert.equal(got.headers['Cache-Control'], 'no-store');
  }
  const foreign = await ask('https://example.org/autodiscover/autodiscover.xml', {
    method: 'POST',
    body: outlook('a@foreign.example'),
  });
  assert.equal(foreign.status, 404);
  const broken = await ask('https://example.org/autodiscover/autodiscover.xml', {
    method: 'POST',
    body: outlook('&xxe;'),
  });
  assert.equal(textAt(readXml(broken.body), 'Response', 'Error', 'ErrorCode'), '600');
  const empty = await ask('https://autodiscover.example.org/autodiscover/autodiscover.xml');
  assert.equal(textAt(readXml(empty.body), 'Response', 'Error', 'ErrorCode'), '600');
});

test('Autodiscover without TLS leads to https, and takes nothing', async () => {
  const url = 'http://autodiscover.example.org/Autodiscover/autodiscover.xml';
  const led = await ask(url, { secure: false });
  assert.equal(led.status, 302);
  assert.equal(led.headers.Location, url.replace('http:', 'https:'));
  assert.equal((await ask(url, { secure: false, method: 'POST', body: outlook('a@example.org') })).status, 403);
  assert.equal((await ask(url, { secure: false, host: 'autodiscover.foreign.example' })).status, 404);
});

test('Autodiscover’s version 2 leads to version 1', async () => {
  for (const url of [
    'https://autodiscover.example.org/autodiscover/autodiscover.json?Email=a%40example.org&Protocol=AutodiscoverV1',
    'https://autodiscover.example.org/Autodiscover/Autodiscover.json/v1.0/a%40example.org?Protocol=autodiscoverv1&RedirectCount=1',
  ]) {
    const { Url } = JSON.parse((await ask(url)).body) as { Url: string };
    assert.equal(Url, 'https://autodiscover.example.org/autodiscover/autodiscover.xml');
  }
  const at = 'https://autodiscover.example.org/autodiscover/autodiscover.json';
  assert.equal((await ask(`${at}?Email=a%40example.org&Protocol=ActiveSync`)).status, 400);
  assert.equal((await ask(`${at}?Email=a%40foreign.example&Protocol=AutodiscoverV1`)).status, 404);
  assert.equal((await ask(`${at}/v1.0/%ff?Protocol=AutodiscoverV1`)).status, 404);
});

test('PACC answers at the domain’s own name with the octets that the digest is for', async () => {
  const { status, headers, body } = await ask(
    'https://ua-auto-config.example.org/.well-known/user-agent-configuration.json',
  );
  assert.equal(status, 200);
  assert.equal(headers['Content-Type'], 'application/json');
  assert.equal(paccDigest(body), paccDigest(renderPacc(domainSettings(services.config, 'example.org')) ?? ''));
  for (const host of ['example.org', 'ua-auto-config.foreign.example', 'ua-auto-config.']) {
    assert.equal(
      (await ask('https://x.example/.well-known/user-agent-configuration.json', { host })).status,
      404,
      host,
    );
  }
});

test('a profile is for any address of our domains, whether somebody has it or not', async () => {
  const { status, headers, body } = await ask(
    'https://mail.example.org/setup/mobileconfig?address=%22%3Cb%3E%22%40example.org',
  );
  assert.equal(status, 200);
  assert.equal(headers['Content-Type'], 'application/x-apple-aspen-config');
  assert.match(body, /<string>&quot;&lt;b&gt;&quot;@example\.org<\/string>/);
  for (const address of ['', 'a', 'a@foreign.example', 'a@[192.0.2.1]']) {
    assert.equal(
      (await ask(`https://mail.example.org/setup/mobileconfig?address=${encodeURIComponent(address)}`)).status,
      404,
    );
  }
});

test('other methods are refused, other paths are not ours', async () => {
  const refused = await ask('https://autoconfig.example.org/mail/config-v1.1.xml', { method: 'POST' });
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.Allow, 'GET, HEAD');
  for (const path of [
    '/',
    '/mail/',
    '/setup/mobileconfig/',
    '/autodiscover/autodiscover.xml/x',
    '/MAIL/config-v1.1.xml',
  ]) {
    assert.equal(
      await respond({ method: 'GET', host: 'example.org', path, query: '', secure: true, body: '' }, services),
      undefined,
    );
  }
});

test('nothing in a request makes it throw, and what it answers is well-formed', async () => {
  const paths = [
    '/mail/config-v1.1.xml',
    '/autodiscover/autodiscover.xml',
    '/autodiscover/autodiscover.json',
    '/autodiscover/autodiscover.json/v1.0/%',
    '/.well-known/user-agent-configuration.json',
    '/setup/mobileconfig',
  ];
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  const host = fc.oneof(
    text,
    text.map((t) => `autoconfig.${t}`),
    fc.constant('autoconfig.example.org'),
  );
  const query = fc
    .tuple(fc.constantFrom('emailaddress', 'address', 'Email', 'Protocol'), text)
    .map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}@example.org`);
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'),
    host,
    path: fc.constantFrom(...paths),
    query: fc.oneof(query, text),
    secure: fc.boolean(),
    body: fc.oneof(text, text.map(outlook)),
  });
  await fc.assert(
    fc.asyncProperty(request, async (asked) => {
      const response = await respond(asked, services);
      assert.ok(response !== undefined && response.status < 500);
      if (response.headers['Content-Type']?.includes('xml')) readXml(response.body);
      for (const value of Object.values(response.headers)) assert.match(value, /^[ -~]*$/);
    }),
    { numRuns: 300 },
  );
});

test('a refusal says why', async () => {
  const elsewhere = { ...services, config: offering(['imaps', 'https'], { portBase: 24_000 }) };
  const said = async (url: string): Promise<string> => {
    const { host, pathname, search } = new URL(url);
    const wanted = { method: 'GET', host, path: pathname, query: search.slice(1), secure: true, body: '' };
    return (await respond(wanted, elsewhere))?.body ?? '';
  };
  const pacc = '/.well-known/user-agent-configuration.json';
  assert.match(await said(`https://ua-auto-config.example.org${pacc}`), /offers nothing that can be said in this form/);
  assert.match(await said(`https://ua-auto-config.foreign.example${pacc}`), /^Not a domain of this host/);
  assert.match(await said('https://autoconfig.example.org/mail/config-v1.1.xml'), /offers nothing/);
  assert.match(await said('https://mail.example.org/setup/mobileconfig'), /\?address=/);
  const at = 'https://mail.example.org/autodiscover/autodiscover.json?Email=a%40example.org&Protocol=AutodiscoverV1';
  assert.match(await said(at), /"https:\/\/mail\.example\.org:24443\/autodiscover\/autodiscover\.xml"/);
});
