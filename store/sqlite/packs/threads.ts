/**
 * Which messages of a block belong to which thread: UIDs and a hash of each thread's id, 2 KB a block, so that a thread is found in a large
 * mailbox without an index that every delivery would pay for. What is found is a hint: expunged messages stay in it, and hashes may be shared.
 */
import { crc32 } from 'node:zlib';
import type { ThreadId, Uid } from '../../types.ts';
import type { Database } from '../database.ts';

export const THREADS = 'threads';
/** Of so few messages the rows are as quick to read. */
export const FEWEST = 8;

export const threadHash = (thread: ThreadId): number => crc32(thread);

export function packThreads(rows: readonly { readonly uid: Uid; readonly thread: ThreadId }[]): Uint8Array {
  const out = new Uint32Array(2 * rows.length);
  for (const [i, { uid, thread }] of rows.entries()) {
    out[i] = uid;
    out[rows.length + i] = threadHash(thread);
  }
  return new Uint8Array(out.buffer);
}

const PACKS = `SELECT block, crc, bytes FROM packs
  WHERE account = ? AND mailbox = ? AND kind = '${THREADS}' AND block > ? ORDER BY block LIMIT ?`;
const PAGE = 64;

/** Calls back with each block that is packed, ascending: the UIDs in it whose thread has one of these hashes. */
export function eachThreadPack(
  db: Database,
  account: number,
  mailbox: number,
  hashes: ReadonlySet<number>,
  found: (block: number, uids: readonly Uid[]) => void,
): void {
  const read = db.arrays(PACKS);
  for (let last = -1; ; ) {
    const rows = read.all(account, mailbox, last, PAGE) as unknown as [number, number, Uint8Array][];
    for (const [block, crc, bytes] of rows) {
      last = block;
      // A damaged one is as good as none: its block is read from the rows.
      if (crc32(bytes) === crc) found(block, matching(bytes, hashes));
    }
    if (rows.length < PAGE) return;
  }
}

function matching(bytes: Uint8Array, hashes: ReadonlySet<number>): Uid[] {
  const n = bytes.length / 8;
  const uids = new Uint32Array(bytes.buffer, bytes.byteOffset, n);
  const threads = new Uint32Array(bytes.buffer, bytes.byteOffset + 4 * n, n);
  const out: Uid[] = [];
  for (let i = 0; i < n; i++) if (hashes.has(threads[i]!)) out.push(uids[i]!);
  return out;
}
