/**
 * Dovecot for the IMAP bench: Debian's, with a configuration of its own in a temporary folder, on a free port of loopback. Its mail comes in by
 * MULTIAPPEND. mdbox is its fastest format for all that is measured here: flags, COPY and MOVE touch indexes only.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '#test/support/ports.ts';
import { RawClient } from './client.ts';
import { flagsOf, type Generate } from './messages.ts';
import { type BenchServer, treeCpuSeconds } from './server.ts';

/** Mail belongs to nobody: Dovecot serves no mail of root's. */
const UID = 65_534;
const USER = 'user';
const PASSWORD = 'secret';
const HOST = '127.0.0.1';
const MESSAGES_AN_APPEND = 200;

export type DovecotFormat = 'mdbox' | 'sdbox' | 'maildir';

export class Dovecot implements BenchServer {
  readonly name: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #pop3: number;
  #child: ChildProcess | undefined;
  /** Of masters that have ended. */
  #spent = 0;

  private constructor(format: DovecotFormat, folder: string, port: number, pop3: number) {
    this.name = `Dovecot (${format})`;
    this.#folder = folder;
    this.#port = port;
    this.#pop3 = pop3;
  }

  static async start(format: DovecotFormat): Promise<Dovecot> {
    const folder = await mkdtemp(join(tmpdir(), 'bench-dovecot-'));
    const [port = 0, pop3 = 0] = await freePorts(2, HOST);
    await mkdir(join(folder, 'home'));
    await chown(folder, UID, UID);
    await chown(join(folder, 'home'), UID, UID);
    await writeFile(join(folder, 'dovecot.conf'), configuration(format, folder, port, pop3));
    const server = new Dovecot(format, folder, port, pop3);
    await server.#launch();
    return server;
  }

  connect(): Promise<RawClient> {
    return RawClient.login(HOST, this.#port, USER, PASSWORD);
  }

  pop3() {
    return { host: HOST, port: this.#pop3, user: USER, password: PASSWORD };
  }

  async fill(messages: number, boxes: number, generate: Generate): Promise<void> {
    const client = await this.connect();
    for (let n = 0; n < messages; n += MESSAGES_AN_APPEND) {
      const count = Math.min(MESSAGES_AN_APPEND, messages - n);
      const literals = Array.from({ length: count }, (_, i) => appended(generate(n + i), flagsOf(n + i)));
      await client.ask(Buffer.concat([Buffer.from('APPEND INBOX'), ...literals]));
    }
    for (let n = 0; n < boxes; n++) {
      await client.ask(`CREATE box-${n}`);
      await client.ask(Buffer.concat([Buffer.from(`APPEND box-${n}`), appended(generate(n), flagsOf(n))]));
    }
    client.close();
  }

  async restart(): Promise<void> {
    await this.#stop();
    await this.#launch();
  }

  cpuSeconds(): number {
    return this.#spent + (this.#child?.pid === undefined ? 0 : treeCpuSeconds(this.#child.pid));
  }

  async close(): Promise<void> {
    await this.#stop();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #launch(): Promise<void> {
    const child = spawn('dovecot', ['-F', '-c', join(this.#folder, 'dovecot.conf')], { stdio: 'ignore' });
    this.#child = child;
    let ended = false;
    child.once('exit', () => (ended = true));
    while (!(await listens(this.#port))) {
      if (ended) throw new Error(`Dovecot does not start: ${await readFile(join(this.#folder, 'log'), 'utf8')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    this.#spent = this.cpuSeconds();
    this.#child = undefined;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }
}

const appended = (message: Buffer, flags: readonly string[]): Buffer =>
  Buffer.concat([Buffer.from(` (${flags.join(' ')}) {${message.length}+}\r\n`), message]);

/** Debian has it in a package of its own. */
const hasPop3 = (): boolean => existsSync('/usr/lib/dovecot/pop3');

/** Why it can't be measured. */
export function withoutDovecot(): string | undefined {
  if (spawnSync('dovecot', ['--version']).status !== 0) return 'not installed (apt-get install dovecot-imapd)';
  return process.getuid?.() === 0 ? undefined : 'needs root to start';
}

export const withoutPop3 = (): string | undefined =>
  hasPop3() ? undefined : 'has no POP3 (apt-get install dovecot-pop3d)';

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, HOST);
  const up = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return up;
}

const configuration = (format: DovecotFormat, folder: string, port: number, pop3: number): string => `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols = imap${hasPop3() ? ' pop3' : ''}
listen = ${HOST}
ssl = no
disable_plaintext_auth = no
mail_location = ${format}:${folder}/home/mail
mail_uid = ${UID}
mail_gid = ${UID}
first_valid_uid = 1
first_valid_gid = 1
imap_max_line_length = 1M
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${UID} gid=${UID} home=${folder}/home
}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${pop3}
  }
  inet_listener pop3s {
    port = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`;
