/** Debian's Dovecot, an instance of its own in a temporary folder: IMAP without TLS on a loopback address; anyone may log in with the one password. */
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
  close(): Promise<void>;
}

const PORT = 10_143;

/** Needs root: its processes run as Debian's users for them. */
export async function startDovecot(): Promise<Dovecot> {
  const folder = await mkdtemp(join(tmpdir(), 'peerpost-dovecot-'));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'mail'));
  await chmod(join(folder, 'mail'), 0o1777);
  const host = loopbackAddress();
  const password = 'secret';
  const config = join(folder, 'dovecot.conf');
  await writeFile(config, configuration(folder, host, password));
  const child = spawn('dovecot', ['-F', '-c', config], { stdio: 'ignore' });
  const log = () => readFile(join(folder, 'log'), 'utf8').catch(() => '');
  await until(() => answers(host), 'Dovecot to greet', log);
  return {
    host,
    port: PORT,
    password,
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
protocols = imap
ssl = no
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
first_valid_uid = 1
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${folder}/mail/%u
}
namespace inbox {
  inbox = yes
  separator = /
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
