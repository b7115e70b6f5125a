/** Where foreign servers live: a temporary folder each, and their mailboxes read as messages. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { testCertificate } from '#test/support/certificate.ts';
import { isInstalled, skipFor } from '../programs.ts';

/** What `unpack.sh` has installed. */
export const cache =
  process.env.PEERPOST_INTEROP_CACHE ??
  (process.getuid?.() === 0
    ? '/var/cache/peerpost-interop'
    : join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'peerpost-interop'));

/** For `ForeignKind.missing`: a program of the cache. */
export function needsUnpacked(program: string, path: string, root = false): string | false {
  if (!existsSync(join(cache, path))) return skipFor(`not installed: ${program} (test/interop/unpack.sh)`, [program]);
  if (root && process.getuid?.() !== 0) return skipFor(`needs root to chroot into ${program}'s folder`, [program]);
  return false;
}

/** As `needsUnpacked`, for what is built by Go: not there is not missing, where Go isn't. */
export function needsBuilt(program: string, root = false): string | false {
  const skip = `not built: ${program} (install Go, then test/interop/unpack.sh)`;
  return existsSync(join(cache, 'go', program)) || isInstalled('go')
    ? needsUnpacked(program, `go/${program}`, root)
    : skip;
}

/** A folder that the servers' own users may enter. */
export async function serverFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `peerpost-${name}-`));
  await chmod(folder, 0o755);
  return folder;
}

export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });

export async function writeCertificate(certificateFile: string, keyFile: string, keyMode = 0o600): Promise<void> {
  const { certificate, key } = testCertificate();
  await writeFile(certificateFile, certificate);
  await writeFile(keyFile, key, { mode: keyMode });
}

/** The messages of a folder of files, such as the `new` of a Maildir. Lines end with LF in there; no message of SMTP has a bare one. */
export async function messagesIn(folder: string): Promise<Buffer[]> {
  const names = await readdir(folder).catch(() => []);
  return await Promise.all(names.map(async (name) => withCrlf(await readFile(join(folder, name)))));
}

export const withCrlf = (message: Buffer): Buffer =>
  Buffer.from(message.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');

export const readLog = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** Throws with what it said unless it ends well. */
export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}: ${error ?? ''}${stderr}${stdout}`);
  return stdout;
}
