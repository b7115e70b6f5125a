/** Debian's Postfix, an instance of its own in a temporary folder: final for one domain, everything else goes to one host. */
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testCertificate } from '#test/support/certificate.ts';
import { loopbackAddress } from '#test/support/system.ts';
import { until } from './programs.ts';

export interface Postfix {
  readonly host: string;
  readonly port: number;
  /** Messages that it has delivered to a local part of its domain, as files. */
  inbox(localPart: string): Promise<string[]>;
  /** Waits until something like this stands in its log. */
  logged(pattern: RegExp): Promise<string>;
  close(): Promise<void>;
}

export interface PostfixOptions {
  readonly domain: string;
  /** Local parts that it delivers to. */
  readonly users: readonly string[];
  /** `[host]:port` of where all other mail goes. */
  readonly relayhost: string;
  /** Lines for main.cf, after the others. */
  readonly settings?: readonly string[];
}

const PORT = 10_025;

export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const folder = await mkdtemp(join(tmpdir(), 'peerpost-postfix-'));
  await chmod(folder, 0o755);
  const { uid, gid } = userIds('postfix');
  const path = (name: string) => join(folder, name);
  for (const name of ['etc', 'spool', 'data', 'mail']) await mkdir(path(name));
  await chown(path('data'), uid, gid);
  await chown(path('mail'), uid, gid);
  const { certificate, key } = testCertificate();
  await writeFile(path('etc/cert.pem'), certificate);
  await writeFile(path('etc/key.pem'), key, { mode: 0o600 });
  const host = loopbackAddress();
  await writeFile(path('etc/main.cf'), mainCf(options, folder, uid, gid));
  await writeFile(path('etc/master.cf'), masterCf(host));
  run('postfix', ['-c', path('etc'), 'start']);
  const log = () => readFile(path('maillog'), 'utf8').catch(() => '');
  return {
    host,
    port: PORT,
    async inbox(localPart) {
      const box = join(path('mail'), localPart, 'new');
      const names = await readdir(box).catch(() => []);
      return await Promise.all(names.map((name) => readFile(join(box, name), 'latin1')));
    },
    logged: (pattern) => until(async () => pattern.exec(await log())?.[0], `Postfix to log ${pattern}`, log),
    async close() {
      run('postfix', ['-c', path('etc'), 'stop']);
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

function mainCf(options: PostfixOptions, folder: string, uid: number, gid: number): string {
  return [
    'compatibility_level = 3.6',
    `queue_directory = ${folder}/spool`,
    `data_directory = ${folder}/data`,
    `maillog_file = ${folder}/maillog`,
    `maillog_file_prefixes = ${folder}`,
    `myhostname = mx.${options.domain}`,
    'inet_interfaces = loopback-only',
    'inet_protocols = ipv4',
    'mydestination =',
    'mynetworks = 127.0.0.0/8',
    'alias_maps =',
    'local_recipient_maps =',
    `virtual_mailbox_domains = ${options.domain}`,
    `virtual_mailbox_base = ${folder}/mail`,
    // No regexp: virtual(8) refuses $1 substitution where it names a file.
    `virtual_mailbox_maps = inline:{ ${options.users.map((user) => `{ ${user}@${options.domain} = ${user}/ }`).join(', ')} }`,
    `virtual_uid_maps = static:${uid}`,
    `virtual_gid_maps = static:${gid}`,
    'virtual_minimum_uid = 1',
    `relayhost = ${options.relayhost}`,
    'smtp_tls_security_level = may',
    'smtp_tls_loglevel = 1',
    'smtp_host_lookup = native',
    'smtpd_tls_security_level = may',
    'smtpd_tls_loglevel = 1',
    `smtpd_tls_cert_file = ${folder}/etc/cert.pem`,
    `smtpd_tls_key_file = ${folder}/etc/key.pem`,
    'smtpd_peername_lookup = no',
    'disable_dns_lookups = yes',
    'minimal_backoff_time = 2s',
    'queue_run_delay = 2s',
    ...(options.settings ?? []),
    '',
  ].join('\n');
}

/** Debian's services without chroot, on our address alone. */
function masterCf(host: string): string {
  return `${host}:${PORT} inet n - n - - smtpd
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

function run(command: string, args: readonly string[]): void {
  const { status, stderr, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}: ${stderr}${stdout}`);
}
