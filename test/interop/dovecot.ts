/** Debian's Dovecot, an instance of its own in a temporary folder: IMAP without TLS and LMTP on a loopback address; one password for anybody. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loopbackAddress } from '#test/support/system.ts';
import { until } from './programs.ts';

export interface Dovecot {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** LMTP on the same address, and on a Unix socket. */
  readonly lmtp: { readonly port: number; readonly path: string };
  close(): Promise<void>;
}

const PORT = 10_143;
const INBOX = 'namespace inbox {\n  inbox = yes\n  separator = /\n}';
const LMTP_PORT = 10_024;
/** The one user that it doesn't know. */
export const STRANGER = 'nobody@delta.test';

/** Needs root: its processes run as Debian's users for them. */
export async function startDovecot(): Promise<Dovecot> {
  const folder = await mkdtemp(join(tmpdir(), 'peerpost-dovecot-'));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'mail'));
  await chmod(join(folder, 'mail'), 0o1777);
  const host = loopbackAddress();
  const password = 'secret';
  const config = join(folder, 'dovecot.conf');
  await writeFile(join(folder, 'strangers'), `${STRANGER}:\n`);
  await writeFile(config, configuration(folder, host, password));
  const child = spawn('dovecot', ['-F', '-c', config], { stdio: 'ignore' });
  const log = () => readFile(join(folder, 'log'), 'utf8').catch(() => '');
  await until(() => answers(host), 'Dovecot to greet', log);
  return {
    host,
    port: PORT,
    password,
    lmtp: { port: LMTP_PORT, path: join(folder, 'run/lmtp') },
    async close() {
      await end(child);
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

function configuration(folder: string, host: string, password: string): string {
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
listen = ${host}
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = ${folder}/strangers
  deny = yes
}
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${folder}/mail/%u
}
${INBOX}
service lmtp {
  inet_listener lmtp {
    port = ${LMTP_PORT}
  }
  unix_listener lmtp {
    mode = 0666
  }
}
service imap-login {
  inet_listener imap {
    port = ${PORT}
  }
  inet_listener imaps {
    port = 0
  }
}
`;
}

async function answers(host: string): Promise<boolean> {
  const socket = connect(PORT, host);
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    return greeting.toString('latin1').startsWith('* OK');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
