/** A disk that fails on demand, for all processes that are started with its environment (`shim.c`). */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BITS = { full: 1, sync: 2, write: 4, 'read-only': 8, read: 16 } as const;
export type DiskFault = keyof typeof BITS;

export interface FailingDisk {
  readonly env: { readonly [name: string]: string };
  /** From now on; none of them when called without. */
  fail(...faults: readonly DiskFault[]): void;
  close(): void;
}

/** Everything below `root` may fail. The shim itself goes to `folder`, which must not be below it. `undefined` without a C compiler. */
export function failingDisk(folder: string, root: string): FailingDisk | undefined {
  const library = join(folder, 'disk-shim.so');
  const source = join(import.meta.dirname, 'shim.c');
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl']);
  if (status !== 0) return undefined;
  const control = join(folder, 'disk-shim.control');
  writeFileSync(control, Buffer.of(0));
  const fd = openSync(control, 'r+');
  return {
    env: { LD_PRELOAD: library, DISK_SHIM: control, DISK_SHIM_ROOT: root },
    fail: (...faults) => {
      const bits = faults.reduce((sum, fault) => sum | BITS[fault], 0);
      writeSync(fd, Buffer.of(bits), 0, 1, 0);
    },
    close: () => closeSync(fd),
  };
}
