/**
 * A fresh Thunderbird is given a name, an address and a password, and nothing else: it must find the servers by itself, sign in and collect. Its
 * connections go through a proxy that gives the peer's names the peer's addresses, as the DNS would.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { submit } from '#test/support/mail-client.ts';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { needs } from '../programs.ts';
import { issueCertificate } from './authority.ts';
import { type Socks, startSocks } from './socks.ts';
import { startThunderbird, type Thunderbird } from './thunderbird.ts';

const ADDRESS = 'pat@alpha.test';
const HOST = 'mx.alpha.test';
const NAMES = [HOST, 'alpha.test', 'autoconfig.alpha.test', 'autodiscover.alpha.test', 'ua-auto-config.alpha.test'];
const SUBJECT = 'found by itself';

describe('a fresh Thunderbird', { skip: needs('thunderbird', 'Xvfb', 'import', 'openssl') }, () => {
  let home: string;
  let peer: TestPeer;
  let socks: Socks;
  let thunderbird: Thunderbird;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'peerpost-setup-'));
    const issued = await issueCertificate(home, NAMES);
    const toml = `[tls]\ncertificate = ${JSON.stringify(issued.certificate)}\nkey = ${JSON.stringify(issued.key)}\n`;
    peer = await prepareTestPeer({ domain: 'alpha.test', hostname: HOST, users: ['pat', 'tom'], toml });
    await peer.start();
    // The web is looked for on the standard port of https and nowhere else; what it then says has the ports as they are.
    socks = await startSocks((name, port) =>
      NAMES.includes(name) && port !== 80 ? { host: peer.host, port: port === 443 ? peer.port(443) : port } : undefined,
    );
    await submit({ peer, address: 'tom@alpha.test' }, { to: ADDRESS, subject: SUBJECT, text: 'A message to collect.' });
    thunderbird = await startThunderbird(home, [
      ['network.proxy.type', 1],
      ['network.proxy.socks', '127.0.0.1'],
      ['network.proxy.socks_port', socks.port],
      ['network.proxy.socks_version', 5],
      ['network.proxy.socks_remote_dns', true],
    ]);
    const pem = await readFile(issued.authority, 'utf8');
    // To sign web sites and mail servers, nothing else.
    await thunderbird.remote.run(
      `Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB).addCertFromBase64(args[0], 'C,,')`,
      pem.replace(/-----[^-]+-----|\s/g, ''),
    );
  });
  after(async () => {
    await thunderbird?.close();
    await socks?.close();
    await peer?.close();
    await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  test('finds its servers from the address, signs in by the password, and collects', async (t) => {
    try {
      await setUp(thunderbird, peer.password);
      await collected(thunderbird);
    } finally {
      t.diagnostic(`screenshot: ${await thunderbird.display.screenshot('thunderbird-setup')}`);
      t.diagnostic(`asked for: ${[...new Set(socks.asked)].join(' ')}`);
    }
    await thunderbird.stop();
    const saved = await savedPreferences(thunderbird.profile);
    const server = keyOf(saved, /^mail\.server\.(server\d+)\.hostname$/, HOST);
    assert.deepEqual(values(saved, `mail.server.${server}`, ['type', 'port', 'socketType', 'userName']), [
      'imap',
      peer.port(993),
      3,
      ADDRESS,
    ]);
    const smtp = keyOf(saved, /^mail\.smtpserver\.(smtp\d+)\.hostname$/, HOST);
    assert.deepEqual(values(saved, `mail.smtpserver.${smtp}`, ['port', 'try_ssl', 'authMethod', 'username']), [
      peer.port(465),
      3,
      3,
      ADDRESS,
    ]);
    // What stands there as the default is not written down.
    assert.equal(saved.get(`mail.server.${server}.authMethod`) ?? 3, 3);
    assert.ok(socks.asked.includes('autoconfig.alpha.test:443'));
  });
});

/** What is shown of the dialog that sets accounts up; it opens by itself in a fresh profile. */
const HUB = `
  const hub = () => main().document.querySelector('account-hub-container').shadowRoot;
  const step = (id) => hub().querySelector('#' + id + ':not([hidden])');
  const forward = () => hub().querySelector('account-hub-email account-hub-footer #forward');
  const type = (input, text) => {
    input.value = text;
    input.dispatchEvent(new (main().Event)('input', { bubbles: true }));
  };
`;

async function setUp({ remote }: Thunderbird, password: string): Promise<void> {
  const shown = (id: string) => remote.waitFor(`the step ${id}`, `${HUB} return Boolean(step(args[0]))`, id);
  const goOn = () =>
    remote.waitFor(
      'the button that goes on',
      `${HUB} if (forward().disabled) return false; forward().click(); return true`,
    );
  await shown('emailAutoConfigSubview');
  await remote.run(
    `${HUB} const form = step('emailAutoConfigSubview'); type(form.querySelector('#realName'), 'Pat'); type(form.querySelector('#email'), args[0])`,
    ADDRESS,
  );
  await goOn();
  await shown('emailConfigFoundSubview');
  await goOn();
  await shown('emailPasswordSubview');
  await remote.run(`${HUB} type(step('emailPasswordSubview').querySelector('#password'), args[0])`, password);
  await goOn();
  await shown('emailAddedSuccessSubview');
  await goOn();
}

/** It asks for mail by itself; whether the message is there in full is seen by reading it out of its folder. */
async function collected({ remote }: Thunderbird): Promise<void> {
  await remote.waitFor(
    'the message',
    `const server = MailServices.accounts.accounts.map((a) => a.incomingServer).find((s) => s.type === 'imap');
     const inbox = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
     if (inbox === null) { server.performExpand(main().msgWindow); return false; }
     const header = [...inbox.messages].find((message) => message.mime2DecodedSubject === args[0]);
     if (header === undefined) { inbox.getNewMessages(main().msgWindow, null); return false; }
     return header.author.includes('tom@alpha.test');`,
    SUBJECT,
  );
}

type Saved = ReadonlyMap<string, string | number | boolean>;

/** What the program wrote down when it ended. */
async function savedPreferences(profile: string): Promise<Saved> {
  const text = await readFile(join(profile, 'prefs.js'), 'utf8');
  return new Map(
    [...text.matchAll(/^user_pref\("([^"]+)", (.+)\);$/gm)].map(([, name = '', value = '']) => [
      name,
      JSON.parse(value),
    ]),
  );
}

function keyOf(saved: Saved, pattern: RegExp, value: string): string {
  for (const [name, found] of saved) {
    const key = pattern.exec(name)?.[1];
    if (key !== undefined && found === value) return key;
  }
  const mail = [...saved].filter(([name]) => /^mail\.(server|smtp)/.test(name));
  return assert.fail(`${pattern} is ${value} nowhere in ${JSON.stringify(mail)}`);
}

const values = (saved: Saved, prefix: string, names: readonly string[]) =>
  names.map((name) => saved.get(`${prefix}.${name}`));
