/** Libraries in C that stand between a foreign program, or ours, and the kernel (LD_PRELOAD). */
import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';

/** The library made of that source, in that folder; `undefined` where there is no compiler, or none of these system calls. */
export function buildPreload(source: string, folder: string, name = basename(source, '.c')): string | undefined {
  const library = join(folder, `${name}.so`);
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl', '-lpthread']);
  return process.platform === 'linux' && status === 0 ? library : undefined;
}
