/** Debian's OpenSMTPD, unpacked. */
import { mkdir, writeFile } from 'node:fs/promises';
import { openJail } from './chroot.ts';
import { startDaemon } from './daemon.ts';
import { messagesIn, needsUnpacked, run, writeCertificate } from './folders.ts';
import { DOWN, type ForeignKind, type ForeignOptions, type ForeignPeer } from './foreign-peer.ts';

export const opensmtpd: ForeignKind = {
  name: 'OpenSMTPD',
  offers: ['8BITMIME', 'DSN'],
  // After a refusal it leaves a host alone for 15 seconds, after the next for a minute.
  busy: 1,
  lacks: {
    // Whatever the kind of key: so mail for it goes in the clear after a handshake that failed (RFC 7435), which all other trials see.
    'to them: STARTTLS': 'as a server, Debian’s build ends each handshake in "missing private key" with OpenSSL 3',
    'to us: pipelined': 'its client waits for each reply',
    'to us: BDAT': 'its client has no BDAT',
    'to us: every odd byte, by BDAT': 'its client has no BDAT',
  },
  missing: () => needsUnpacked('opensmtpd', 'opensmtpd/ready', true),
  start,
};

/** The user that mail is delivered as. */
const USER = 'vmail';
const UID = 61_013;

async function start(options: ForeignOptions): Promise<ForeignPeer> {
  const users = { opensmtpd: 61_011, opensmtpq: 61_012, [USER]: UID };
  const jail = await openJail('opensmtpd', options.folder, users);
  for (const name of [
    'mail',
    'var/spool/smtpd',
    'var/run',
    'var/empty',
    'run',
    'var/lib/opensmtpd/empty',
    'etc/ssl/certs',
  ])
    await mkdir(jail.path(name), { recursive: true });
  run('chown', [`${UID}:${UID}`, jail.path('mail')]);
  run('chmod', ['711', jail.path('var/spool/smtpd')]);
  // As the package's own installation leaves it.
  run('chown', [`0:${users.opensmtpq}`, jail.path('usr/sbin/smtpctl')]);
  run('chmod', ['2755', jail.path('usr/sbin/smtpctl')]);
  await writeCertificate(jail.path('etc/cert.pem'), jail.path('etc/key.pem'));
  await writeFile(jail.path('etc/ssl/certs/ca-certificates.crt'), '');
  await writeFile(jail.path('etc/mailname'), `mx.${options.domains[0]}\n`);
  await writeFile(jail.path('etc/users'), options.users.map((user) => `${user}: ${USER}\n`).join(''));
  await writeFile(jail.path('etc/smtpd.conf'), configuration(options), { mode: 0o644 });
  const daemon = await startDaemon('chroot', [jail.folder, '/usr/sbin/smtpd', '-d', '-v'], options.listen);
  return {
    mailbox: (localPart) => messagesIn(jail.path(`mail/${localPart}/new`)),
    log: async () => daemon.output(),
    // Its waits between attempts are fixed: 400 seconds and more.
    nudge: () => jail.run('/usr/sbin/smtpctl', 'schedule', 'all'),
    stop: () => daemon.stop(),
  };
}

function configuration({ domains, listen, routes }: ForeignOptions): string {
  const ways = [...routes];
  return `pki own cert "/etc/cert.pem"
pki own key "/etc/key.pem"
table users file:/etc/users
smtp max-message-size 50M
bounce warn-interval 3s
listen on ${listen.host} port ${listen.port} tls pki own hostname mx.${domains[0]}
listen on socket
action inbox maildir "/mail/%{dest.user}" virtual <users>
${ways.map(([domain, to], i) => `action way${i} relay host smtp://${to.host}:${to.port}${domain === DOWN ? ' ttl 12s' : ''}`).join('\n')}
${domains.map((domain) => `match from any for domain "${domain}" action inbox`).join('\n')}
${ways.map(([domain], i) => `match from any for domain "${domain}" action way${i}`).join('\n')}
`;
}
