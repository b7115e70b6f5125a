/** How much room there is on the file system of the data folder. */
import { statfs } from 'node:fs/promises';
import type { Clock } from './ambient.ts';

export interface DiskSpace {
  /** Octets. */
  readonly free: number;
  readonly total: number;
}

export async function diskSpace(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}

/** A second is nothing for a disk, and a thousand messages. */
const REMEMBER_MS = 1_000;

/** The free octets, looked up at most once a second. A folder that can't be asked has all the room there is: writing will tell. */
export function freeSpace(folder: string, clock: Clock): () => Promise<number> {
  let known: Promise<number> | undefined;
  return () =>
    (known ??= diskSpace(folder).then(
      ({ free }) => remember(free),
      () => remember(Number.POSITIVE_INFINITY),
    ));
  function remember(free: number): number {
    clock.after(REMEMBER_MS, () => (known = undefined));
    return free;
  }
}
