/** Debian's Exim (exim4-daemon-heavy), unpacked. */
import { mkdir, writeFile } from 'node:fs/promises';
import { openJail } from './chroot.ts';
import { startDaemon } from './daemon.ts';
import { messagesIn, needsUnpacked, readLog, run, writeCertificate } from './folders.ts';
import { DOWN, type ForeignKind, type ForeignOptions, type ForeignPeer } from './foreign-peer.ts';

export const exim: ForeignKind = {
  name: 'Exim',
  offers: ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'DSN'],
  lacks: {},
  missing: () => needsUnpacked('exim', 'exim/ready', true),
  start,
};

const USER = 'Debian-exim';
const UID = 61_001;

async function start(options: ForeignOptions): Promise<ForeignPeer> {
  const jail = await openJail('exim', options.folder, { [USER]: UID, mail: 61_002 });
  for (const name of ['mail', 'var/spool/exim4', 'var/log/exim4']) {
    await mkdir(jail.path(name), { recursive: true });
    run('chown', [`${UID}:${UID}`, jail.path(name)]);
  }
  await mkdir(jail.path('etc/exim4'), { recursive: true });
  await writeCertificate(jail.path('etc/exim4/cert.pem'), jail.path('etc/exim4/key.pem'), 0o644);
  await writeFile(jail.path('etc/exim4/users'), `${options.users.map((user) => `${user}: ${user}`).join('\n')}\n`);
  await writeFile(jail.path('etc/exim4/exim4.conf'), configuration(options));
  // In the foreground, with a queue run each second.
  const daemon = await startDaemon('chroot', [jail.folder, '/usr/sbin/exim4', '-bdf', '-q1s'], options.listen);
  return {
    mailbox: (localPart) => messagesIn(jail.path(`mail/${localPart}/new`)),
    log: async () => `${daemon.output()}${await readLog(jail.path('var/log/exim4/mainlog'))}`,
    stop: () => daemon.stop(),
  };
}

function configuration({ domains, listen, routes }: ForeignOptions): string {
  const domainList = (names: readonly string[]) => names.join(' : ');
  const out = [...routes].map(([domain, to]) => `${domain} ${to.host}`);
  return `primary_hostname = mx.${domains[0]}
local_interfaces = ${listen.host}
daemon_smtp_ports = ${listen.port}
domainlist ours = ${domainList(domains)}
exim_user = ${USER}
exim_group = ${USER}
never_users =
host_lookup =
rfc1413_query_timeout = 0s
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
chunking_advertise_hosts = *
pipelining_connect_advertise_hosts =
tls_advertise_hosts = *
tls_certificate = /etc/exim4/cert.pem
tls_privatekey = /etc/exim4/key.pem
message_size_limit = 50M
recipients_max = 1000
smtp_accept_max = 100
smtp_accept_max_per_connection = 1000
smtp_accept_queue_per_connection = 0
queue_run_max = 5
delay_warning = 3s
log_selector = +all
acl_smtp_rcpt = check
begin acl
check:
  accept domains = +ours
         verify = recipient
  deny domains = +ours
       message = 5.1.1 unknown here
  accept hosts = 127.0.0.0/8
  deny message = 5.7.1 no relay
begin routers
out:
  driver = manualroute
  domains = ! +ours
  transport = remote
  route_list = ${out.join(' ; ')}
  self = send
  no_more
mailboxes:
  driver = accept
  domains = +ours
  local_parts = lsearch;/etc/exim4/users
  transport = maildir
begin transports
remote:
  driver = smtp
  port = ${listen.port}
  allow_localhost
  hosts_try_fastopen =
maildir:
  driver = appendfile
  maildir_format
  directory = /mail/$local_part_data
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  user = ${USER}
begin retry
${DOWN} * F,12s,1s
* * F,1h,1s
`;
}
