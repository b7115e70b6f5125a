/** A disk that fails on demand, for all processes that are started with its environment (`shim.c`). */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { buildPreload } from '#test/support/preload.ts';

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
  const library = buildPreload(join(import.meta.dirname, 'shim.c'), folder, 'disk-shim');
  if (library === undefined) return undefined;
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
