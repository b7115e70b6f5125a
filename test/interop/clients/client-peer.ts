/** What every trial of a client starts with: a peer with a few people, a folder for the client's files, and the peer's certificate to trust. */
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Person } from '#test/support/mail-client.ts';
import { freePorts } from '#test/support/ports.ts';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { type Ran, runProgram } from '../programs.ts';
import type { Account } from './mailbox.ts';

export interface Localhost {
  readonly imap: number;
  readonly imaps: number;
  readonly pop3: number;
  readonly pop3s: number;
  readonly submissions: number;
  readonly submission: number;
}

export interface ClientPeer {
  readonly peer: TestPeer;
  /** The client's home: nothing of the real one is read or written. */
  readonly home: string;
  /** Ports of `localhost`, for clients that find no address in a certificate, only names. */
  readonly localhost: Localhost;
  /** A PEM file with the peer's certificate, its own anchor: for the host's name, `localhost` and the address that it listens on. */
  readonly caFile: string;
  /** Of the certificate, in lower-case hexadecimal without colons. */
  readonly fingerprint: { readonly sha1: string; readonly sha256: string };
  person(name: string): Person;
  /** The same person for `mailbox.ts`, without TLS, which loopback allows. */
  account(name: string): Account;
  /** A path in the home. */
  path(name: string): string;
  /** Writes a file into the home that only its owner can read; answers its path. */
  write(name: string, text: string): Promise<string>;
  run(command: string, args: readonly string[], input?: string | Buffer): Promise<Ran>;
  /** For clients without a setting for their anchors: OpenSSL and Go read this variable. */
  readonly env: NodeJS.ProcessEnv;
  /** Fails when the peer logged a fault: no client may bring one about. */
  close(): Promise<void>;
}

export async function startClientPeer(users: readonly string[], toml?: string): Promise<ClientPeer> {
  const home = await mkdtemp(join(tmpdir(), 'peerpost-client-'));
  // fdm reads the certificate as a user of its own.
  await chmod(home, 0o755);
  const peer = await prepareTestPeer({ domain: 'alpha.test', users, ...(toml === undefined ? {} : { toml }) });
  const localhost = await alsoOnLocalhost(peer);
  await peer.start();
  const pem = await readFile(join(peer.data, 'tls/self-signed.pem'), 'utf8');
  const certificate = new X509Certificate(pem);
  const caFile = join(home, 'ca.pem');
  await writeFile(caFile, certificate.toString());
  const env = { HOME: home, LC_ALL: 'C.UTF-8', SSL_CERT_FILE: caFile };
  const bare = (fingerprint: string) => fingerprint.replaceAll(':', '').toLowerCase();
  return {
    peer,
    home,
    localhost,
    caFile,
    env,
    fingerprint: { sha1: bare(certificate.fingerprint), sha256: bare(certificate.fingerprint256) },
    person: (name) => ({ peer, address: `${name}@alpha.test` }),
    account: (name) => ({
      host: peer.host,
      port: peer.port(143),
      user: `${name}@alpha.test`,
      password: peer.password,
    }),
    path: (name) => join(home, name),
    async write(name, text) {
      await writeFile(join(home, name), text, { mode: 0o600 });
      return join(home, name);
    },
    run: (command, args, input) =>
      runProgram(command, args, { env, cwd: home, ...(input === undefined ? {} : { input }) }),
    async close() {
      await peer.close();
      const faults = peer
        .log()
        .split('\n')
        .filter((line) => /"level":"(error|fatal)"/.test(line));
      await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
      if (faults.length > 0) throw new Error(`the peer logged faults:\n${faults.join('\n')}`);
    },
  };
}

async function alsoOnLocalhost(peer: TestPeer): Promise<Localhost> {
  const [imap = 0, imaps = 0, submissions = 0, submission = 0, pop3 = 0, pop3s = 0] = await freePorts(6);
  const ports = {
    imap: [143, imap],
    imaps: [993, imaps],
    pop3: [110, pop3],
    pop3s: [995, pop3s],
    submissions: [465, submissions],
    submission: [587, submission],
  } as const;
  const { config, host } = peer;
  let text = await readFile(config, 'utf8');
  for (const [protocol, [standard, local]] of Object.entries(ports)) {
    const listener = `${protocol} = "${host}:${peer.port(standard)}"`;
    if (!text.includes(listener)) throw new Error(`init wrote no ${listener}`);
    text = text.replace(listener, `${protocol} = ["${host}:${peer.port(standard)}", "127.0.0.1:${local}"]`);
  }
  await writeFile(config, text);
  return { imap, imaps, pop3, pop3s, submissions, submission };
}
