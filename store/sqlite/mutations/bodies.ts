/** Bodies: each stands once in a shard, counted by the messages that refer to it (STORE.md §5). */
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { isId } from '../../ids.ts';
import type { BodyRef, InlineBody } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import type { Work } from '../work.ts';

const ADD = `INSERT INTO bodies (id, refs, length, crc, codec, key_id, stored_at, data, segment, position, chunks)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** One reference more, to a body that is known, or came along. */
export function takeBody(work: Work, body: BodyRef | InlineBody): void {
  if (!isId(body.id)) throw new MailError('bad-request', 'bad body id');
  const { db } = work;
  const known = db.arrays('SELECT length, crc FROM bodies WHERE id = ?').get(body.id) as ArrayRow | undefined;
  if (known) {
    if (known[0] !== body.length || known[1] !== body.crc) {
      throw new MailError('unavailable', 'the body is not the one announced');
    }
    work.wrote = true;
    db.statement('UPDATE bodies SET refs = refs + 1 WHERE id = ?').run(body.id);
    return;
  }
  if (!('data' in body)) throw new MailError('unavailable', 'the staged body is gone');
  if (body.data.length !== body.length) throw new MailError('bad-request', 'the body has another length');
  if (crc32(body.data) !== body.crc) throw new MailError('bad-request', 'the body has another CRC');
  work.wrote = true;
  const data = db.statement('INSERT INTO body_data (data) VALUES (?)').run(body.data).lastInsertRowid;
  db.statement(ADD).run(body.id, 1, body.length, body.crc, body.codec, body.key, work.now, data, null, null, null);
}

/** A body that a stager has put into a segment and synced. */
export interface StagedBody extends BodyRef {
  readonly segment: string;
  readonly position: number;
  readonly chunks: Uint8Array;
}

export function registerBody(db: Database, body: StagedBody, now: number): void {
  const { id, length, crc, codec, key, segment, position, chunks } = body;
  if (db.statement('SELECT 1 FROM bodies WHERE id = ?').get(id)) return; // asked twice
  db.statement(ADD).run(id, 0, length, crc, codec, key, now, null, segment, position, chunks);
  db.statement(`INSERT INTO segments (id, registered_at, bytes, dead) VALUES (?, ?, ?, 0)
    ON CONFLICT (id) DO UPDATE SET bytes = bytes + excluded.bytes`).run(segment, now, length);
}

/** One reference less. The body goes with the last; where it was in a segment, its octets are dead until the segment is rewritten. */
export function releaseBody(db: Database, id: string): void {
  const row = db.arrays('SELECT refs, length, data, segment FROM bodies WHERE id = ?').get(id) as ArrayRow | undefined;
  if (!row) return;
  const [refs, length, data, segment] = row;
  if ((refs as number) > 1) {
    db.statement('UPDATE bodies SET refs = refs - 1 WHERE id = ?').run(id);
    return;
  }
  db.statement('DELETE FROM bodies WHERE id = ?').run(id);
  if (data !== null) db.statement('DELETE FROM body_data WHERE n = ?').run(data!);
  else db.statement('UPDATE segments SET dead = dead + ? WHERE id = ?').run(length!, segment!);
}
