/** A program runs once on a data folder: a lock that dies with its holder, whatever way that dies. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface FolderLock {
  release(): void;
}

/** `undefined` when another process holds it. */
export function lockFolder(run: string, program: string): FolderLock | undefined {
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(run, `${program}.lock`), { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    // SQLITE_BUSY and its extended codes.
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === 5) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}
