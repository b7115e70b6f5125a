/**
 * The right to write to a shard, the directory or the queue (STORE.md §2): an exclusive lock on a small database of its
 * own. The system drops it when the holder dies, whatever way that happens. A locked file can't be read, so who holds it
 * stands in a file beside it, for people only: the lock decides.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface WriteLease {
  readonly path: string;
  /** Gives the right up. A second call does nothing. */
  release(): void;
}

export interface LeaseHolder {
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
}

/** Takes the lease at `<name>.lease` without waiting; `undefined` when somebody else holds it. */
export function tryLease(name: string, now: number): WriteLease | undefined {
  const path = `${name}.lease`;
  mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    // A rollback journal in memory: nothing is ever written, and no second file needs cleaning up after a crash.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  const holder: LeaseHolder = { pid: process.pid, since: new Date(now).toISOString() };
  writeFileSync(`${name}.holder`, `${JSON.stringify(holder)}\n`);
  let held = true;
  return {
    path,
    release() {
      if (!held) return;
      held = false;
      rmSync(`${name}.holder`, { force: true });
      db.close();
    },
  };
}

/** Waits for the lease, looking every `everyMs`. Rejects when `signal` aborts. */
export async function takeLease(
  name: string,
  options: { readonly now: () => number; readonly signal: AbortSignal; readonly everyMs?: number },
): Promise<WriteLease> {
  for (;;) {
    options.signal.throwIfAborted();
    const lease = tryLease(name, options.now());
    if (lease) return lease;
    await pause(options.everyMs ?? 50, options.signal);
  }
}

/** Who took the lease last, as far as is known. */
export function leaseHolder(name: string): LeaseHolder | undefined {
  try {
    return JSON.parse(readFileSync(`${name}.holder`, 'utf8'));
  } catch {
    return undefined; // nobody, or it is being written just now
  }
}

function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode;
  return code !== undefined && ((code & 0xff) === 5 || (code & 0xff) === 6); // SQLITE_BUSY, SQLITE_LOCKED
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}
