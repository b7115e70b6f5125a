/** Packed snapshots: a mailbox's placements at some modseq in one blob, so that opening it reads that and what came since (STORE.md §4). */
import { crc32 } from 'node:zlib';
import type { PlacementRows } from '../../change.ts';
import type { ArrayRow, Database } from '../database.ts';

const SAVE = 'INSERT OR REPLACE INTO snapshots (account, mailbox, modseq, crc, bytes) VALUES (?, ?, ?, ?, ?)';
const LOAD = 'SELECT modseq, crc, bytes FROM snapshots WHERE account = ? AND mailbox = ?';

export function saveSnapshot(
  db: Database,
  account: number,
  mailbox: number,
  modseq: number,
  rows: PlacementRows,
): void {
  const bytes = pack(rows);
  db.statement(SAVE).run(account, mailbox, modseq, crc32(bytes), bytes);
}

/** `undefined` when there is none, or a damaged one. */
export function loadSnapshot(
  db: Database,
  account: number,
  mailbox: number,
): (PlacementRows & { readonly modseq: number }) | undefined {
  const row = db.arrays(LOAD).get(account, mailbox) as ArrayRow | undefined;
  if (!row) return undefined;
  const [modseq, crc, bytes] = row as unknown as [number, number, Uint8Array];
  return crc32(bytes) === crc ? { modseq, ...unpack(bytes) } : undefined;
}

/** f64 count, then modseqs, UIDs and flags as they lie in memory, then the flag sets as JSON. */
function pack({ uids, modseqs, flags, flagSets }: PlacementRows): Uint8Array {
  const octets = (column: Float64Array | Uint32Array): Uint8Array =>
    new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  const count = octets(Float64Array.of(uids.length));
  return Buffer.concat([count, octets(modseqs), octets(uids), octets(flags), Buffer.from(JSON.stringify(flagSets))]);
}

/** Views on the blob, which is memory of its own. */
function unpack(bytes: Uint8Array): PlacementRows {
  const { buffer, byteOffset } = bytes;
  const n = new Float64Array(buffer, byteOffset, 1)[0]!;
  const start = byteOffset + 8;
  return {
    modseqs: new Float64Array(buffer, start, n),
    uids: new Uint32Array(buffer, start + 8 * n, n),
    flags: new Uint32Array(buffer, start + 12 * n, n),
    flagSets: JSON.parse(Buffer.from(buffer, start + 16 * n, bytes.length - 8 - 16 * n).toString()),
  };
}
