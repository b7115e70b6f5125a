/** Bodies: each stands once in a shard, counted by the messages that refer to it (STORE.md §5). */
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { isId } from '../../ids.ts';
import type { BodyRef, InlineBody } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import { addBytes, addDead } from '../segments.ts';
import type { ShardState, Work } from '../work.ts';

const ADD = `INSERT INTO bodies (n, id, refs, length, crc, codec, key_id, stored_at, data)
  VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)`;
const REGISTER = `INSERT INTO bodies (n, id, refs, length, crc, codec, key_id, stored_at, segment, position, chunks)
  VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** The number of a body that is known; `undefined` for one that came along. Throws where it is neither, or not as it was announced. */
export function findBody(work: Work, body: BodyRef | InlineBody): number | undefined {
  if (!isId(body.id)) throw new MailError('bad-request', 'bad body id');
  const known = knownBody(work, body);
  if (known) {
    if (known.length !== body.length || known.crc !== body.crc) {
      throw new MailError('unavailable', 'the body is not the one announced');
    }
    return known.n;
  }
  if (!('data' in body)) throw new MailError('unavailable', 'the staged body is gone');
  if (body.data.length !== body.length) throw new MailError('bad-request', 'the body has another length');
  if (crc32(body.data) !== body.crc) throw new MailError('bad-request', 'the body has another CRC');
  return undefined;
}

function knownBody({ db, shard }: Work, body: BodyRef | InlineBody) {
  const remembered = shard.bodies.get(body.id);
  if (remembered !== undefined) {
    const row = db.arrays('SELECT id, length, crc FROM bodies WHERE n = ?').get(remembered) as ArrayRow | undefined;
    // It may have been rolled back or collected since, and its number given to another.
    if (row && row[0] === body.id) return { n: remembered, length: row[1], crc: row[2] };
  }
  if ('data' in body) return undefined;
  const find = db.arrays('SELECT n, length, crc FROM bodies WHERE id = ? AND segment IS NOT NULL');
  const row = find.get(body.id) as ArrayRow | undefined;
  return row && { n: row[0] as number, length: row[1], crc: row[2] };
}

/** One reference more, to the body that `findBody` found, or to this one, which is stored. Answers its number. */
export function takeBody({ db, shard, now }: Work, body: BodyRef | InlineBody, known: number | undefined): number {
  if (known !== undefined) {
    db.statement('UPDATE bodies SET refs = refs + 1 WHERE n = ?').run(known);
    return known;
  }
  const { id, length, crc, codec, key, data } = body as InlineBody;
  const n = shard.nextBody++;
  db.statement(ADD).run(n, id, length, crc, codec, key, now, data);
  shard.bodies.set(id, n);
  return n;
}

/** A body that a stager has put into a segment and synced. */
export interface StagedBody extends BodyRef {
  readonly segment: string;
  readonly position: number;
  readonly chunks: Uint8Array;
}

export function registerBody(db: Database, shard: ShardState, body: StagedBody, now: number): void {
  const { id, length, crc, codec, key, segment, position, chunks } = body;
  if (db.statement('SELECT 1 FROM bodies WHERE id = ? AND segment IS NOT NULL').get(id)) return; // asked twice
  db.statement(REGISTER).run(shard.nextBody++, id, length, crc, codec, key, now, segment, position, chunks);
  addBytes(db, segment, length, now);
}

/** One reference less. The body goes with the last; where it was in a segment, its octets are dead until the segment is rewritten. */
export function releaseBody(db: Database, n: number): void {
  const row = db.arrays('SELECT refs, length, segment FROM bodies WHERE n = ?').get(n) as ArrayRow | undefined;
  if (!row) return;
  const [refs, length, segment] = row;
  if ((refs as number) > 1) {
    db.statement('UPDATE bodies SET refs = refs - 1 WHERE n = ?').run(n);
    return;
  }
  db.statement('DELETE FROM bodies WHERE n = ?').run(n);
  if (segment !== null) addDead(db, segment as string, length as number);
}
