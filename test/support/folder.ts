/** A folder of its own for a test; gone afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Anything with `after`: the `t` of a test. */
export interface Cleanup {
  after(work: () => void | Promise<void>): void;
}

/** The path is short, because a Unix socket's path has at most 107 octets. */
export function temporaryFolder(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'pp-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}
