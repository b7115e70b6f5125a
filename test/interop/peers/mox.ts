/** mox, built by Go without C, so that it runs in an empty folder that it takes for the system (chroot): it has its resolver from /etc/resolv.conf alone. */
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startDnsResponder } from '#runtime/dns/responder.ts';
import { type Zone, zonesOf } from '#runtime/dns/zones.ts';
import { loopbackAddress, PORT_BASE } from '#test/support/system.ts';
import { runProgram } from '../programs.ts';
import { startDaemon } from './daemon.ts';
import { cache, needsBuilt, run, writeCertificate } from './folders.ts';
import type { ForeignKind, ForeignOptions, ForeignPeer } from './foreign-peer.ts';
import { readByImap } from './imap-mailboxes.ts';
import { AUTHOR } from './letters.ts';
import { startSocks } from './socks.ts';
import { handIn } from './submission.ts';

const OWN = 'its reports of what it could not send go into its own mailboxes, never over SMTP';

export const mox: ForeignKind = {
  name: 'mox',
  offers: ['PIPELINING', '8BITMIME', 'SMTPUTF8'],
  ownSendersOnly: true,
  refusesLate: true,
  lacks: {
    'to us: BDAT': 'its client has no BDAT',
    'to us: every odd byte, by BDAT': 'its client has no BDAT',
    'to us: their notice of delay': OWN,
    'to us: their notice of expiry': OWN,
  },
  missing: () => needsBuilt('mox', true),
  start,
};

/** One account has all addresses. */
const ACCOUNT = 'all';
const PASSWORD = 'correct horse';
const UID = 61_021;
const SOCKS = PORT_BASE + 1080;

async function start(options: ForeignOptions): Promise<ForeignPeer> {
  const { domains, users, listen, folder } = options;
  const { host } = listen;
  const closing: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  const command = async (args: readonly string[], input = ''): Promise<void> => {
    const { code, stdout, stderr } = await runProgram('chroot', [folder, '/mox', ...args], { input });
    if (code !== 0) throw new Error(`mox ${args.join(' ')}: exit ${code}: ${stdout}${stderr}`);
  };
  try {
    const responder = await startDnsResponder({ host: loopbackAddress(), port: 53, zones: zonesFor(options) });
    closing.push(() => responder.close());
    const socks = await startSocks({ host, port: SOCKS }, listen.port);
    closing.push(() => socks.close());
    await furnish(options, responder.address.host);
    const daemon = await startDaemon('chroot', [folder, '/mox', 'serve'], listen);
    closing.push(() => daemon.stop());
    await command(['setaccountpassword', ACCOUNT], `${PASSWORD}\n`);
    const login = { user: `${users[0]}@${domains[0]}`, password: PASSWORD };
    const mailboxes = await readByImap({ host, port: PORT_BASE + 143, login });
    closing.push(() => mailboxes.close());
    return {
      mailbox: (localPart) => mailboxes.of(localPart),
      inject: (envelope, content) => handIn({ host, port: PORT_BASE + 587, login }, envelope, content),
      // It waits seven minutes after the first attempt, and twice as long after each more.
      nudge: () => command(['queue', 'schedule', '-now', '0']),
      log: async () => daemon.output(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function furnish(options: ForeignOptions, nameserver: string): Promise<void> {
  const path = (name: string) => join(options.folder, name);
  for (const name of ['etc', 'tmp', 'config', 'data', 'proc/self']) await mkdir(path(name), { recursive: true });
  run('chmod', ['1777', path('tmp')]);
  await copyFile(join(cache, 'go/mox'), path('mox'));
  // It starts itself again as its own user.
  await symlink('/mox', path('proc/self/exe'));
  await writeFile(path('etc/resolv.conf'), `nameserver ${nameserver}\n`);
  await writeFile(path('etc/hosts'), '127.0.0.1 localhost\n');
  await writeCertificate(path('config/cert.pem'), path('config/key.pem'));
  await writeFile(path('config/mox.conf'), system(options));
  await writeFile(path('config/domains.conf'), directory(options));
}

/** With a policy (RFC 7208) that lets anybody send: without one it takes one recipient at a time. */
function zonesFor({ domains, listen, routes }: ForeignOptions): Zone[] {
  const own = domains.map((domain) => [domain, listen.host] as const);
  const others = [...routes].map(([domain, { host }]) => [domain, host] as const);
  const zones = zonesOf(new Map([...own, ...others]));
  return zones.map((zone) => ({
    ...zone,
    records: {
      ...zone.records,
      [zone.origin]: [...(zone.records[zone.origin] ?? []), { type: 'TXT' as const, text: 'v=spf1 +all' }],
    },
  }));
}

/** Its own deliveries go to port 25 alone, wherefore they go through a proxy to where the others listen. */
function system({ domains, listen }: ForeignOptions): string {
  return `DataDir: ../data
LogLevel: debug
PackageLogLevels:
	imapserver: error
	serve: error
	store: error
User: ${UID}
Hostname: mx.${domains[0]}
Listeners:
	all:
		IPs:
			- ${listen.host}
		TLS:
			KeyCerts:
				-
					CertFile: cert.pem
					KeyFile: key.pem
		SMTPMaxMessageSize: 50000000
		SMTP:
			Enabled: true
			Port: ${listen.port}
			FirstTimeSenderDelay: 0s
		Submission:
			Enabled: true
			Port: ${PORT_BASE + 587}
			NoRequireSTARTTLS: true
		IMAP:
			Enabled: true
			Port: ${PORT_BASE + 143}
			NoRequireSTARTTLS: true
Postmaster:
	Account: ${ACCOUNT}
	Mailbox: Inbox
NoOutgoingDMARCReports: true
NoOutgoingTLSReports: true
Transports:
	elsewhere:
		Socks:
			Address: ${listen.host}:${SOCKS}
			RemoteIPs:
				- ${listen.host}
			RemoteHostname: mx.${domains[0]}
`;
}

/** Without a junk filter, a mailbox for rejects and delays for strangers. */
function directory({ domains, users }: ForeignOptions): string {
  const [, authorDomain] = AUTHOR.split('@');
  const addresses = [...domains.flatMap((domain) => users.map((user) => `${user}@${domain}`)), AUTHOR];
  return `Domains:
${[...domains, authorDomain].map((domain) => `	${domain}: nil\n`).join('')}Accounts:
	${ACCOUNT}:
		Domain: ${domains[0]}
		Destinations:
${addresses.map((address) => `			${address}: nil\n`).join('')}		MaxOutgoingMessagesPerDay: 100000
		MaxFirstTimeRecipientsPerDay: 100000
		NoFirstTimeSenderDelay: true
Routes:
	-
		Transport: elsewhere
`;
}
