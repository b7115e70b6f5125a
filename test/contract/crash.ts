/** What a power cut would leave of a data folder in use. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Copies the folder as it stands at this moment, without the leases of whoever works on it. By another process: one that
 * opened and closed a database's file here would drop SQLite's locks.
 */
export function copyAsCrashed(data: string, parent: string): string {
  const copy = join(parent, `crashed-${process.hrtime.bigint()}`);
  execFileSync('cp', ['-r', data, copy]);
  return copy;
}
