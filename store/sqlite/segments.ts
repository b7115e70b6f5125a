/**
 * The shard's table of segments: which one is worth rewriting, which file may go (STORE.md §5). A segment is sealed once it is so
 * old that its stager has long stopped to append. When nothing in it is referred to any more it stays for a grace time, for
 * readers that looked its bodies up before. Row first, then file: a crash in between leaves a stray, which is swept.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { faultPoint } from '#runtime/fault-points.ts';
import type { ArrayRow, Database } from './database.ts';
import { segmentFile } from './paths.ts';

/** Bodies of a segment that is at most half alive. */
export interface SparseSegment {
  readonly id: string;
  readonly bodies: readonly SparseBody[];
}

export interface SparseBody {
  readonly n: number;
  readonly id: string;
  readonly length: number;
  readonly crc: number;
  readonly position: number;
  readonly chunks: Uint8Array;
}

/** Where a body has been copied to. */
export interface MovedBody {
  readonly n: number;
  readonly id: string;
  readonly length: number;
  readonly segment: string;
  readonly position: number;
}

const SPARSE = 0.5;
const GRACE = 600_000;
/** A part of a segment that is moved at once: so many bodies, or so many octets with at least one. */
const MOST_BODIES = 256;
const MOST_BYTES = 64 * 1024 * 1024;

/** The emptiest sealed segment that is sparse, but none of `skip`. `before`: what was registered earlier is sealed. */
export function sparseSegment(db: Database, before: number, skip: readonly string[]): SparseSegment | undefined {
  const find = db.arrays(`SELECT id FROM segments
    WHERE registered_at < ? AND dead < bytes AND dead >= bytes * ? ORDER BY 1.0 * dead / bytes DESC`);
  const ids = (find.all(before, SPARSE) as unknown as [string][]).map(([id]) => id);
  const id = ids.find((one) => !skip.includes(one));
  if (id === undefined) return undefined;
  const select = db.arrays(`SELECT n, id, length, crc, position, chunks FROM bodies
    WHERE segment = ? ORDER BY position LIMIT ?`);
  const bodies: SparseBody[] = [];
  let bytes = 0;
  for (const row of select.all(id, MOST_BODIES) as unknown as ArrayRow[]) {
    const [n, body, length, crc, position, chunks] = row as [number, string, number, number, number, Uint8Array];
    bytes += length;
    if (bodies.length > 0 && bytes > MOST_BYTES) break;
    bodies.push({ n, id: body, length, crc, position, chunks });
  }
  return { id, bodies };
}

/** Bodies keep their ids and numbers. One that was collected while it was copied is dead where it arrives. */
export function moveBodies(db: Database, from: string, moved: readonly MovedBody[], now: number): void {
  const move = db.statement('UPDATE bodies SET segment = ?, position = ? WHERE n = ? AND id = ? AND segment = ?');
  for (const { n, id, length, segment, position } of moved) {
    const found = move.run(segment, position, n, id, from).changes === 1;
    addBytes(db, segment, length, now);
    addDead(db, found ? from : segment, length);
  }
  db.statement('UPDATE segments SET emptied_at = ? WHERE id = ? AND dead >= bytes').run(now, from);
}

export function addBytes(db: Database, segment: string, bytes: number, now: number): void {
  db.statement(`INSERT INTO segments (id, registered_at, bytes, dead) VALUES (?, ?, ?, 0)
    ON CONFLICT (id) DO UPDATE SET bytes = bytes + excluded.bytes`).run(segment, now, bytes);
}

export function addDead(db: Database, segment: string, bytes: number): void {
  db.statement('UPDATE segments SET dead = dead + ? WHERE id = ?').run(bytes, segment);
}

/** Removes segments in which nothing lives. */
export function dropSegments(db: Database, folder: string, now: number, before: number): void {
  db.statement(`UPDATE segments SET emptied_at = ?
    WHERE emptied_at IS NULL AND dead >= bytes AND registered_at < ?`).run(now, before);
  const find = db.arrays('SELECT id FROM segments WHERE emptied_at <= ? AND dead >= bytes');
  for (const [id] of find.all(now - GRACE) as unknown as [string][]) {
    db.statement('DELETE FROM segments WHERE id = ?').run(id);
    faultPoint('store:segment-forgotten');
    rmSync(segmentFile(folder, id), { force: true });
  }
}

/**
 * Removes files that a crash left unknown: before a body in them was registered, or after their row went.
 * @param before files have the system's time. Answers their paths.
 */
export function dropStrays(db: Database, folder: string, before: number): string[] {
  const known = db.statement('SELECT 1 FROM segments WHERE id = ?');
  const strays: string[] = [];
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const file = join(folder, name);
    if (!name.endsWith('.seg') || known.get(name.slice(0, -4)) || statSync(file).mtimeMs >= before) continue;
    rmSync(file);
    strays.push(file);
  }
  return strays;
}
