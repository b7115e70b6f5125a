/** Debian's Dovecot in a folder of its own: LMTP on a Unix socket, IMAP on one address, any user with one password. */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loopbackAddress } from '#test/support/system.ts';
import type { FsyncShim } from './fsync-shim.ts';
import { identity, need, run, until } from './programs.ts';

export interface Dovecot {
  readonly imap: { readonly host: string; readonly port: number };
  readonly lmtp: string;
  readonly pid: number;
  readonly password: string;
  stop(): void;
}

export interface DovecotOptions {
  readonly folder: string;
  readonly shim?: FsyncShim | undefined;
  /** How mail is kept; Maildir is what most admins choose. */
  readonly format?: 'maildir' | 'sdbox' | 'mdbox';
  /** IMAP sessions at once. */
  readonly sessions?: number;
}

const PORT = 10_143;
const INBOX = 'namespace inbox {\n  inbox = yes\n}';
const PASSWORD = 'correct-horse';
/** The system user that owns all mail: one that every Debian has, and that is no login. */
const OWNER = 'nobody';

export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  need(['dovecot'], ['dovecot-imapd', 'dovecot-lmtpd']);
  const { folder } = options;
  const path = (name: string): string => join(folder, name);
  const { uid, gid } = identity(OWNER);
  for (const name of ['run', 'mail']) mkdirSync(path(name), { recursive: true });
  chownSync(path('mail'), uid, gid);
  const host = loopbackAddress();
  writeFileSync(path('dovecot.conf'), configuration(options, host, uid, gid));
  run('dovecot', ['-c', path('dovecot.conf')], options.shim?.env);
  await until('Dovecot to start', 10, () => /starting up/.test(readFileSync(path('log'), 'latin1')));
  return {
    imap: { host, port: PORT },
    lmtp: path('run/lmtp'),
    pid: Number(readFileSync(path('run/master.pid'), 'latin1')),
    password: PASSWORD,
    stop: () => run('doveadm', ['-c', path('dovecot.conf'), 'stop']),
  };
}

function configuration(options: DovecotOptions, host: string, uid: number, gid: number): string {
  const { folder, shim, format = 'maildir', sessions = 1000 } = options;
  const environment = Object.entries(shim?.env ?? {}).map(([name, value]) => `${name}=${value}`);
  return `
base_dir = ${folder}/run
log_path = ${folder}/log
protocols = imap lmtp
listen = ${host}
ssl = no
disable_plaintext_auth = no
import_environment = $import_environment ${environment.join(' ')}
first_valid_uid = 1
last_valid_uid = 0
first_valid_gid = 1
last_valid_gid = 0
mail_location = ${format}:~/mail
mail_max_userip_connections = 0
default_client_limit = ${4 * sessions}
default_process_limit = ${sessions}
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${folder}/mail/%u
}
${INBOX}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
service imap-login {
  inet_listener imap {
    address = ${host}
    port = ${PORT}
  }
  inet_listener imaps {
    port = 0
  }
  process_min_avail = 1
  service_count = 0
}
service imap {
  process_limit = ${sessions}
}
`;
}
