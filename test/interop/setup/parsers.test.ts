/** What programs are told, read by parsers that are not ours: Python's for XML and property lists, BIND's for zones, OpenSSL's for signatures. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { renderAutoconfig } from '#admin/setup/autoconfig.ts';
import { renderAutodiscover } from '#admin/setup/autodiscover.ts';
import { domainRecords } from '#admin/setup/dns.ts';
import { renderMobileconfig } from '#admin/setup/mobileconfig.ts';
import { paccDigest, renderPacc } from '#admin/setup/pacc.ts';
import { addressSettings } from '#admin/setup/settings.ts';
import { signProfile } from '#admin/setup/signature.ts';
import { zoneText } from '#admin/setup/zone.ts';
import { EVERYTHING, offering } from '#test/support/setup-config.ts';
import { issueCertificate } from '../clients/authority.ts';
import { needs, runProgram } from '../programs.ts';

const script = join(import.meta.dirname, 'read_setup.py');
const config = offering(EVERYTHING);
const HOST = 'mail.example.org';

interface Read {
  readonly autoconfig: readonly (readonly string[])[];
  readonly autodiscover: readonly (readonly string[])[];
  readonly mobileconfig: { readonly PayloadContent: readonly { readonly [key: string]: unknown }[] };
  readonly pacc: { readonly digest: string; readonly imap: string };
}

for (const address of ['pat@example.org', '"<b>&\\"; ]]>"@example.org', 'grüße.漢字😀@example.org']) {
  test(`Python reads all that ${address} is told`, { skip: needs('python3') }, async () => {
    const settings = addressSettings(config, address);
    const body = renderPacc(settings) ?? '';
    const told = {
      autoconfig: renderAutoconfig(settings),
      autodiscover: renderAutodiscover(settings),
      mobileconfig: renderMobileconfig(settings),
      pacc: body,
    };
    const { code, stdout, stderr } = await runProgram('python3', [script], { input: JSON.stringify(told) });
    assert.equal(code, 0, stderr);
    const read = JSON.parse(stdout) as Read;
    const user = ['%EMAILADDRESS%', 'password-cleartext'];
    assert.deepEqual(read.autoconfig.slice(0, 2), [
      ['imap', HOST, '993', 'SSL', ...user],
      ['imap', HOST, '143', 'STARTTLS', ...user],
    ]);
    assert.deepEqual(read.autodiscover, [
      ['IMAP', HOST, '993', settings.address, 'on', 'SSL'],
      ['POP3', HOST, '995', settings.address, 'on', 'SSL'],
      ['SMTP', HOST, '465', settings.address, 'on', 'SSL'],
    ]);
    const [mail] = read.mobileconfig.PayloadContent;
    assert.equal(mail?.EmailAddress, settings.address);
    assert.equal(mail?.IncomingMailServerPortNumber, 993);
    assert.equal(mail?.OutgoingMailServerUseSSL, true);
    assert.deepEqual(read.pacc, { digest: paccDigest(body), imap: HOST });
  });
}

test('OpenSSL verifies a signed profile by the authority’s certificate', { skip: needs('openssl') }, async (t) => {
  const folder = await temporaryFolder(t);
  const { authority, certificate, key } = await issueCertificate(folder, ['mail.example.org']);
  const pair = { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  const profile = renderMobileconfig(addressSettings(config, 'grüße@example.org')) ?? '';
  const file = join(folder, 'signed');
  await writeFile(file, signProfile(profile, pair, Date.now()) ?? '');
  const verify = ['cms', '-verify', '-binary', '-inform', 'DER', '-purpose', 'any', '-CAfile', authority, '-in', file];
  const { code, stdout, stderr } = await runProgram('openssl', verify);
  assert.equal(code, 0, stderr);
  assert.equal(Buffer.from(stdout, 'latin1').toString('utf8'), profile);
});

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'peerpost-setup-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('BIND loads the records as a zone', { skip: needs('named-checkzone') }, async (t) => {
  const file = join(await temporaryFolder(t), 'zone');
  const start =
    '@ 3600 IN SOA ns.example.net. admin.example.net. 1 7200 3600 86400 3600\n@ 3600 IN NS ns.example.net.\n';
  await writeFile(file, `${start}${zoneText(domainRecords(config, 'example.org', ['192.0.2.1', '2001:db8::1']))}\n`);
  const { code, stdout } = await runProgram('named-checkzone', [
    '-i',
    'local',
    '-k',
    'fail',
    '-n',
    'fail',
    'example.org',
    file,
  ]);
  assert.equal(code, 0, stdout);
  // SRV and MX lead to a name with addresses, a CNAME stands alone, and so on: it has nothing to remark.
  assert.deepEqual(stdout.trim().split('\n'), ['zone example.org/IN: loaded serial 1', 'OK']);
});
