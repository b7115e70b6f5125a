/** Debian's Postfix. */
import { spawnSync } from 'node:child_process';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needsRoot } from '../programs.ts';
import { messagesIn, readLog, run, writeCertificate } from './folders.ts';
import type { ForeignKind, ForeignOptions, ForeignPeer } from './foreign-peer.ts';

export const postfix: ForeignKind = {
  name: 'Postfix',
  offers: ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'DSN'],
  lacks: {
    'to us: BDAT': 'its client has no BDAT',
    'to us: every odd byte, by BDAT': 'its client has no BDAT',
  },
  missing: () => needsRoot('postfix'),
  start: (options) => startPostfix(options),
};

/** @param lmtp domains that it hands over by LMTP instead of SMTP. */
export async function startPostfix(options: ForeignOptions, lmtp: readonly string[] = []): Promise<ForeignPeer> {
  const { folder } = options;
  const path = (name: string) => join(folder, name);
  const { uid, gid } = userIds('postfix');
  for (const name of ['etc', 'spool', 'data', 'mail']) await mkdir(path(name));
  await chown(path('data'), uid, gid);
  await chown(path('mail'), uid, gid);
  await writeCertificate(path('etc/cert.pem'), path('etc/key.pem'));
  const { domains, users, routes } = options;
  const mailboxes = domains.flatMap((domain) => users.map((user) => `${user}@${domain} ${user}/`));
  await writeFile(path('etc/mailboxes'), `${mailboxes.join('\n')}\n`);
  const transports = [...routes].map(
    ([domain, to]) => `${domain} ${lmtp.includes(domain) ? 'lmtp' : 'smtp'}:[${to.host}]:${to.port}`,
  );
  await writeFile(path('etc/transports'), `${transports.join('\n')}\n`);
  await writeFile(path('etc/main.cf'), mainCf(domains, folder, uid, gid));
  await writeFile(path('etc/master.cf'), masterCf(`${options.listen.host}:${options.listen.port}`));
  run('postfix', ['-c', path('etc'), 'start']);
  const log = (): Promise<string> => readLog(path('maillog'));
  const nudge = nudgeQueue(log, () => spawnSync('postqueue', ['-c', path('etc'), '-f']));
  return {
    mailbox: (localPart) => messagesIn(join(path('mail'), localPart, 'new')),
    log,
    async stop() {
      clearInterval(nudge);
      run('postfix', ['-c', path('etc'), 'stop']);
    },
  };
}

/**
 * A message whose last delivery agent still holds its file when the next attempt is due, a second later, is put aside for a whole minute whatever the backoff:
 * longer than these trials wait. A flush takes it up again.
 */
function nudgeQueue(log: () => Promise<string>, flush: () => void): NodeJS.Timeout {
  let seen = 0;
  const look = async (): Promise<void> => {
    const skipped = (await log()).split('skipped, still being delivered').length - 1;
    if (skipped > seen) flush();
    seen = skipped;
  };
  return setInterval(() => void look(), 1_000);
}

function mainCf(domains: readonly string[], folder: string, uid: number, gid: number): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/data
maillog_file = ${folder}/maillog
maillog_file_prefixes = ${folder}
myhostname = mx.${domains[0]}
inet_interfaces = loopback-only
inet_protocols = ipv4
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = ${domains.join(', ')}
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = texthash:${folder}/etc/mailboxes
virtual_uid_maps = static:${uid}
virtual_gid_maps = static:${gid}
virtual_minimum_uid = 1
transport_maps = texthash:${folder}/etc/transports
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${folder}/etc/cert.pem
smtpd_tls_key_file = ${folder}/etc/key.pem
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtp_host_lookup = native
lmtp_host_lookup = native
message_size_limit = 50000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
delay_warning_time = 3s
maximal_queue_lifetime = 12s
bounce_queue_lifetime = 12s
`;
}

/** Debian's services without chroot, on one address alone. */
function masterCf(listen: string): string {
  return `${listen} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}

function userIds(name: string): { uid: number; gid: number } {
  const { stdout } = spawnSync('getent', ['passwd', name], { encoding: 'utf8' });
  const [, , uid, gid] = stdout.trim().split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
