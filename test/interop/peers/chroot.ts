/** A foreign server in a copy of its unpacked folder, which it takes for the whole system (chroot): its users, paths and libraries are its own. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../programs.ts';
import { cache, run } from './folders.ts';

export interface Jail {
  readonly folder: string;
  path(name: string): string;
  /** Runs a program of the folder to its end, without holding up those whose output we read. */
  run(command: string, ...args: readonly string[]): Promise<void>;
}

/**
 * @param name of what was unpacked.
 * @param folder that it is copied into.
 * @param users name to number of user and group.
 */
export async function openJail(
  name: string,
  folder: string,
  users: { readonly [name: string]: number },
): Promise<Jail> {
  await cp(join(cache, name), folder, { recursive: true, verbatimSymlinks: true });
  const path = (inner: string) => join(folder, inner);
  const all = Object.entries({ root: 0, ...users });
  await writeFile(path('etc/passwd'), all.map(([user, id]) => `${user}:x:${id}:${id}::/:/bin/sh\n`).join(''));
  await writeFile(path('etc/group'), all.map(([user, id]) => `${user}:x:${id}:\n`).join(''));
  await writeFile(path('etc/hosts'), '127.0.0.1 localhost\n');
  await writeFile(path('etc/resolv.conf'), 'nameserver 127.0.0.1\n');
  await mkdir(path('dev'), { recursive: true });
  run('mknod', ['-m', '666', path('dev/null'), 'c', '1', '3']);
  run('chmod', ['1777', path('tmp')]);
  return {
    folder,
    path,
    async run(command, ...args) {
      const { code, stdout, stderr } = await runProgram('chroot', [folder, command, ...args]);
      if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code}: ${stdout}${stderr}`);
    },
  };
}
