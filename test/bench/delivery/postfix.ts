/** Debian's Postfix as it comes, but in a folder of its own and on one address, delivering to where the bench says. */
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loopbackAddress } from '#test/support/system.ts';
import type { FsyncShim } from './fsync-shim.ts';
import { countFiles, identity, need, run, until } from './programs.ts';

export interface Postfix {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** No message of its queue is on its way. */
  idle(): boolean;
  stop(): void;
}

export interface PostfixOptions {
  readonly folder: string;
  /** Lines of main.cf behind the usual ones. */
  readonly settings: readonly string[];
  /** Lookup tables by name: read into memory at start. */
  readonly tables?: { readonly [name: string]: readonly string[] };
  readonly shim?: FsyncShim | undefined;
}

const PORT = 10_025;

export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  need(['postfix'], ['postfix']);
  const { folder } = options;
  const path = (name: string): string => join(folder, name);
  const { uid, gid } = identity('postfix');
  for (const name of ['etc', 'spool', 'data']) mkdirSync(path(name), { recursive: true });
  chmodSync(folder, 0o755);
  chownSync(path('data'), uid, gid);
  for (const [name, lines] of Object.entries(options.tables ?? {}))
    writeFileSync(path(`etc/${name}`), `${lines.join('\n')}\n`);
  const host = loopbackAddress();
  writeFileSync(path('etc/main.cf'), mainCf(options));
  writeFileSync(path('etc/master.cf'), masterCf(host));
  run('postfix', ['-c', path('etc'), 'start'], options.shim?.env);
  await until('Postfix to start', 10, () => /daemon started/.test(readFileSync(path('maillog'), 'latin1')));
  const pid = Number(readFileSync(path('spool/pid/master.pid'), 'latin1'));
  const queues = ['maildrop', 'incoming', 'active', 'deferred'].map((name) => path(`spool/${name}`));
  return {
    host,
    port: PORT,
    pid,
    idle: () => queues.every((queue) => countFiles(queue) === 0),
    stop: () => run('postfix', ['-c', path('etc'), 'stop']),
  };
}

function mainCf({ folder, settings, shim }: PostfixOptions): string {
  const environment = Object.entries(shim?.env ?? {}).map(([name, value]) => `${name}=${value}`);
  return [
    'compatibility_level = 3.6',
    `queue_directory = ${folder}/spool`,
    `data_directory = ${folder}/data`,
    `maillog_file = ${folder}/maillog`,
    `maillog_file_prefixes = ${folder}`,
    'myhostname = mx.bench.test',
    'inet_interfaces = loopback-only',
    'inet_protocols = ipv4',
    'mydestination =',
    'mynetworks = 127.0.0.0/8',
    'alias_maps =',
    'local_recipient_maps =',
    // No DNS and no host names, on both sides.
    'smtpd_peername_lookup = no',
    'disable_dns_lookups = yes',
    'smtp_host_lookup = native',
    ...(environment.length > 0
      ? [`import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ ${environment.join(' ')}`]
      : []),
    ...settings,
    '',
  ].join('\n');
}

/** Debian's services without chroot. */
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
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}
