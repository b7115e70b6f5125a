/** Debian's programs as a bench needs them: are they there, and how are they run? */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Missing } from './system.ts';

/** Throws `Missing` when one isn't installed, or when this is not root: servers change their user. */
export function need(programs: readonly string[], packages: readonly string[]): void {
  const missing = programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  if (missing.length > 0)
    throw new Missing(`${missing.join(', ')} not found: apt-get install --no-install-recommends ${packages.join(' ')}`);
  if (process.getuid?.() !== 0) throw new Missing(`${programs.join(' and ')} change their user: run this as root`);
}

export function run(command: string, args: readonly string[], env: { readonly [name: string]: string } = {}): void {
  // A file, because daemons keep what they print to open, and the end of a pipe would never come.
  const file = join(tmpdir(), `pp-bench-run-${process.pid}`);
  const output = openSync(file, 'w+');
  const { status } = spawnSync(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
  const said = readFileSync(file, 'utf8');
  closeSync(output);
  rmSync(file);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}: ${said}`);
}

/** User and group of a system user. */
export function identity(user: string): { readonly uid: number; readonly gid: number } {
  const { stdout } = spawnSync('getent', ['passwd', user], { encoding: 'utf8' });
  const [, , uid, gid] = stdout.trim().split(':');
  if (uid === undefined || gid === undefined) throw new Missing(`there is no user ${user}`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** Files in a folder and below. */
export function countFiles(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
}

export async function until(what: string, seconds: number, test: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await test())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await sleep(20);
  }
}
