/** How much room there is on the file system of the data folder. */
import { statfs } from 'node:fs/promises';
import type { Clock, Log } from './ambient.ts';

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

export interface DiskRoomOptions {
  readonly free: () => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
  /** Octets that stay free. */
  readonly minimum: () => number;
}

/**
 * Whether so many octets more may be taken in. The disk is asked at most once a second; one that can't be asked has room: writing will tell. The log hears when
 * the disk gets full and when it no longer is, and not of each message that was refused meanwhile, which would fill it for good.
 */
export function diskRoom({ free, clock, log, minimum }: DiskRoomOptions): (octets: number) => Promise<boolean> {
  let known: Promise<number> | undefined;
  let low = false;
  const look = async (): Promise<number> => {
    const found = await free().catch(() => Number.POSITIVE_INFINITY);
    clock.after(REMEMBER_MS, () => (known = undefined));
    const least = minimum();
    if (low !== found < least) {
      low = found < least;
      if (low) log.error({ free: found, minimum: least }, 'the disk is nearly full: messages are refused');
      else log.info({ free: found, minimum: least }, 'the disk has room again');
    }
    return found;
  };
  return async (octets) => {
    known ??= look();
    return (await known) - octets >= minimum();
  };
}
