/** Builds and steers `fsync-shim.c`: how many fsyncs did all the processes of a system do, and each made slower on demand, as on another disk. */
import { chmodSync, closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { buildPreload } from '#test/support/preload.ts';

export interface FsyncShim {
  /** For the environment of the processes. */
  readonly env: { readonly LD_PRELOAD: string; readonly FSYNC_SHIM: string };
  /** fsync and fdatasync so far. */
  count(): number;
  delay(milliseconds: number): void;
  close(): void;
}

/** `undefined` without a C compiler. Each system gets one of its own. */
export function buildFsyncShim(folder: string, name: string): FsyncShim | undefined {
  const library = buildPreload(join(import.meta.dirname, 'fsync-shim.c'), folder, `${name}-fsync`);
  if (library === undefined) return undefined;
  const control = join(folder, `${name}-fsync.control`);
  writeFileSync(control, Buffer.alloc(16));
  // Programs that change their user open it again.
  chmodSync(control, 0o666);
  const fd = openSync(control, 'r+');
  return {
    env: { LD_PRELOAD: library, FSYNC_SHIM: control },
    count() {
      const value = Buffer.alloc(8);
      readSync(fd, value, 0, 8, 0);
      return Number(value.readBigUInt64LE());
    },
    delay(milliseconds) {
      const value = Buffer.alloc(8);
      value.writeBigUInt64LE(BigInt(Math.round(milliseconds * 1000)));
      writeSync(fd, value, 0, 8, 8);
    },
    close: () => closeSync(fd),
  };
}
