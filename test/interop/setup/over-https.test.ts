/** A running peer, asked as programs ask: by curl, over https, with a certificate that the trial's authority vouches for. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { type Issued, issueCertificate } from '../clients/authority.ts';
import { needs, runProgram } from '../programs.ts';

const NAMES = [
  'mx.alpha.test',
  'alpha.test',
  'autoconfig.alpha.test',
  'autodiscover.alpha.test',
  'ua-auto-config.alpha.test',
];

describe('a running peer', { skip: needs('curl', 'openssl') }, () => {
  let folder: string;
  let issued: Issued;
  let peer: TestPeer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'peerpost-https-'));
    issued = await issueCertificate(folder, NAMES);
    const toml = `[tls]\ncertificate = ${JSON.stringify(issued.certificate)}\nkey = ${JSON.stringify(issued.key)}\n`;
    peer = await prepareTestPeer({ domain: 'alpha.test', hostname: 'mx.alpha.test', users: ['pat'], toml });
    await peer.start();
  });
  after(async () => {
    await peer?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function curl(
    name: string,
    path: string,
    ...more: string[]
  ): Promise<{ status: number; type: string; body: string }> {
    const to = ['--connect-to', `${name}:443:${peer.host}:${peer.port(443)}`, '--cacert', issued.authority];
    const written = ['--write-out', '\n%{http_code} %{content_type}'];
    const { code, stdout, stderr } = await runProgram('curl', [
      '-sS',
      ...to,
      ...written,
      ...more,
      `https://${name}${path}`,
    ]);
    assert.equal(code, 0, stderr);
    const [, body = '', status, type = ''] = /^(.*)\n(\d+) (.*)$/s.exec(stdout) ?? [];
    return { status: Number(status), type, body };
  }

  test('tells the servers at every name', async () => {
    const known = await curl('autoconfig.alpha.test', '/mail/config-v1.1.xml?emailaddress=pat@alpha.test');
    assert.equal(known.status, 200);
    assert.match(known.type, /^text\/xml/);
    assert.match(known.body, new RegExp(`<port>${peer.port(993)}</port>`));
    assert.deepEqual(
      await curl('autoconfig.alpha.test', '/mail/config-v1.1.xml?emailaddress=nobody@alpha.test'),
      known,
    );
    assert.deepEqual(await curl('alpha.test', '/.well-known/autoconfig/mail/config-v1.1.xml'), known);
    const request = '<Autodiscover><Request><EMailAddress>pat@alpha.test</EMailAddress></Request></Autodiscover>';
    const reply = await curl('autodiscover.alpha.test', '/Autodiscover/Autodiscover.xml', '--data', request);
    assert.match(reply.body, /<LoginName>pat@alpha\.test<\/LoginName>/);
    assert.equal((await curl('mx.alpha.test', '/mail/config-v1.1.xml?emailaddress=a@foreign.test')).status, 404);
    // With shifted ports there is nothing that this format could say.
    assert.equal((await curl('ua-auto-config.alpha.test', '/.well-known/user-agent-configuration.json')).status, 404);
  });

  test('signs profiles with the key of its certificate', async () => {
    const file = join(folder, 'profile');
    const { status, type } = await curl(
      'mx.alpha.test',
      '/setup/mobileconfig?address=pat%40alpha.test',
      '--output',
      file,
    );
    assert.deepEqual([status, type], [200, 'application/x-apple-aspen-config']);
    const verify = ['cms', '-verify', '-inform', 'DER', '-purpose', 'any', '-CAfile', issued.authority, '-in', file];
    const { code, stdout, stderr } = await runProgram('openssl', verify);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /<string>pat@alpha\.test<\/string>/);
    await writeFile(file, (await readFile(file)).toString('latin1').replaceAll('pat@alpha', 'pit@alpha'), 'latin1');
    assert.notEqual((await runProgram('openssl', verify)).code, 0);
  });
});
