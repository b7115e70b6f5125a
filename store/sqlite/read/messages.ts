/**
 * Columns of messages in packed batches: one buffer with every blob behind the other, and where each ends. The thread that
 * asked makes rows of them by cutting views (`unpackRows`); only ids, parts and headers are decoded there.
 */
import { MailError } from '#mail/failure.ts';
import type { Log } from '#runtime/ambient.ts';
import { CONTENT_COLUMN_LIMIT, type Columns, type MessageRow } from '../../store.ts';
import type { Access, MailboxId, Uid, UidSet } from '../../types.ts';
import type { Database } from '../database.ts';
import {
  asBuffer,
  COLUMN_NAMES,
  columnOf,
  columnsAreWhole,
  headBody,
  headBodySize,
  headHeaderLength,
  headIsLong,
  headIsWhole,
  headPrefix,
  headSize,
} from '../pack.ts';
import type { FoundMailbox } from './account.ts';
import { BATCH_BYTES, CONTENT_BATCH } from './batch-memory.ts';
import { BODIES_A_QUERY, type BodyReader, type BodyRow } from './bodies.ts';
import { BatchWriter, extraColumns, type MessageBatch, RowWriter, type Sink, storedColumns } from './message-rows.ts';
import { findPlace, numberHint } from './place.ts';

export interface BatchRequest {
  readonly mailbox: MailboxId;
  readonly uids: UidSet;
  readonly columns: Columns;
  readonly expunged: boolean;
}

/** As `MessageBatch`, finished. */
export interface FewMessages {
  readonly rows: readonly MessageRow[];
  readonly rest: UidSet;
  readonly damaged: number;
}

const ROWS_A_QUERY = 256;

type Row = [uid: Uid, savedAt: number, head: Uint8Array, columns?: Uint8Array];

const cells = (columns: boolean): string => `SELECT p.uid, p.saved_at, m.head${columns ? ', m.columns' : ''}`;
const MESSAGE = 'CROSS JOIN messages m ON m.k = p.message';

function query(columns: boolean, expunged: boolean): string {
  if (!expunged) {
    return `${cells(columns)} FROM placements p ${MESSAGE}
      WHERE p.account = ?1 AND p.mailbox = ?2 AND p.uid BETWEEN ?3 AND ?4 ORDER BY p.uid LIMIT ?5`;
  }
  // Brought together in a table of its own first, which takes four times as long as the rest.
  const from = (table: string): string => `SELECT account, uid, saved_at, message FROM ${table}
    WHERE account = ?1 AND mailbox = ?2 AND uid BETWEEN ?3 AND ?4`;
  return `${cells(columns)} FROM (${from('placements')} UNION ALL ${from('expunged')} ORDER BY uid LIMIT ?5) p ${MESSAGE}`;
}

/** One message with its mailbox, whose number is a hint (place.ts). */
const queryOne = (columns: boolean): string => `${cells(columns)} FROM accounts a
  CROSS JOIN mailboxes b ON b.account = a.n
  CROSS JOIN placements p ON p.account = b.account AND p.mailbox = b.n ${MESSAGE}
  WHERE a.id = ? AND b.n = ? AND b.id = ? AND p.uid = ?`;

const ONE = queryOne(false);
const ONE_WITH_COLUMNS = queryOne(true);
const EXPUNGED = 'SELECT 1 FROM expunged WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? LIMIT 1';

export class MessageReader {
  readonly #db: Database;
  readonly #bodies: BodyReader;
  readonly #log: Log;

  constructor(db: Database, bodies: BodyReader, log: Log) {
    this.#db = db;
    this.#bodies = bodies;
    this.#log = log;
  }

  batch(access: Access, request: BatchRequest): MessageBatch {
    const cells = 1 + storedColumns(request.columns).length + extraColumns(request.columns).length;
    const out = new BatchWriter(cells, request.columns.content === true ? CONTENT_BATCH : BATCH_BYTES / 4);
    const rest = this.#read(access, request, out);
    return out.finish(rest);
  }

  /** As rows, for the thread that asks: nothing is packed for a way that it doesn't go. */
  few(access: Access, request: BatchRequest): FewMessages {
    const out = new RowWriter(request.columns);
    const rest = this.#read(access, request, out);
    return { rows: out.rows, rest, damaged: out.damaged };
  }

  /** Answers what is left. */
  #read(access: Access, request: BatchRequest, out: Sink): UidSet {
    const stored = storedColumns(request.columns);
    const extra = extraColumns(request.columns);
    const wanted = stored.map((name) => COLUMN_NAMES.indexOf(name));
    const one = isOne(request.uids);
    const found = one ? this.#one(access, request, stored.length > 0) : undefined;
    if (found !== undefined) {
      this.#add(out, found, wanted, extra);
      return [];
    }
    const { account, mailbox } = findPlace(this.#db, access, request.mailbox);
    const expunged = request.expunged && !one && this.#anyExpunged(account, mailbox, request.uids);
    const statement = this.#db.arrays(query(stored.length > 0, expunged));
    const limit = extra.length > 0 ? BODIES_A_QUERY : ROWS_A_QUERY;
    let left = [...request.uids];
    while (left.length > 0 && !out.full) {
      const [first, last] = left[0]!;
      let rows =
        first < mailbox.uidNext ? (statement.all(account, mailbox.n, first, last, limit) as unknown as Row[]) : [];
      // One message is mostly there, so that nobody has to ask first whether it was expunged.
      if (one && rows.length === 0 && request.expunged) {
        rows = this.#db
          .arrays(query(stored.length > 0, true))
          .all(account, mailbox.n, first, last, limit) as unknown as Row[];
      }
      let next = rows.length < limit ? last + 1 : rows.at(-1)![0] + 1;
      const bodies = extra.length > 0 && rows.length > 1 ? this.#bodiesOf(rows, out) : [];
      for (const [i, row] of rows.entries()) {
        if (out.full) {
          next = row[0];
          break;
        }
        this.#add(out, row, wanted, extra, bodies[i]);
      }
      if (next > last) left.shift();
      else left[0] = [next, last];
    }
    if (left.length > 0 && left[0]![0] >= mailbox.uidNext) left = [];
    return left;
  }

  /** The only message asked for, where it and its mailbox are as mostly: `undefined` says nothing. */
  #one({ owner, viewer }: Access, { mailbox, uids }: BatchRequest, columns: boolean): Row | undefined {
    if (viewer !== owner) return undefined;
    const statement = this.#db.arrays(columns ? ONE_WITH_COLUMNS : ONE);
    return statement.get(owner, numberHint(this.#db, mailbox), mailbox, uids[0]![0]) as unknown as Row | undefined;
  }

  /** Mostly there are none, and the query that brings both tables together is twice as dear. */
  #anyExpunged(account: number, mailbox: FoundMailbox, uids: UidSet): boolean {
    const [first, last] = [uids[0]?.[0] ?? 0, uids.at(-1)?.[1] ?? 0];
    return this.#db.arrays(EXPUNGED).get(account, mailbox.n, first, last) !== undefined;
  }

  #add(
    out: Sink,
    [uid, savedAt, head, columns]: Row,
    wanted: readonly number[],
    extra: readonly ('rawHeader' | 'content')[],
    body?: BodyRow,
  ): void {
    const mark = out.mark();
    try {
      const fixed = asBuffer(head);
      if (!headIsWhole(fixed)) this.#damaged(uid, 'wrong CRC of a row');
      out.append(fixed);
      if (columns) {
        const packed = asBuffer(columns);
        if (!columnsAreWhole(packed)) this.#damaged(uid, 'wrong CRC of a row');
        for (const n of wanted) out.append(columnOf(packed, n));
      }
      for (const name of extra) this.#extra(out, fixed, name, body);
      out.row(uid, savedAt);
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      out.reset(mark);
    }
  }

  /** By place of its message, for as many as there is room. What is no head is left to whoever reads that message. */
  #bodiesOf(rows: readonly Row[], out: Sink): (BodyRow | undefined)[] {
    let room = out.most;
    const numbers = rows.map(([, , bytes]) => {
      const head = asBuffer(bytes);
      if (room <= 0 || !headIsLong(head) || headSize(head) > CONTENT_COLUMN_LIMIT) return null;
      room -= headSize(head);
      return headBody(head);
    });
    const found = this.#bodies.find(numbers);
    return numbers.map((n, i) => (n === null ? undefined : found[i]));
  }

  #extra(out: Sink, head: Buffer, name: 'rawHeader' | 'content', body?: BodyRow): void {
    if (name === 'content' && headSize(head) > CONTENT_COLUMN_LIMIT) {
      out.append();
      return;
    }
    const end = name === 'content' ? Number.POSITIVE_INFINITY : headHeaderLength(head);
    out.append(headPrefix(head), this.#bodies.read(headBody(head), headBodySize(head), 0, end, body));
  }

  #damaged(uid: Uid, reason: string): never {
    this.#log.error({ uid, reason }, 'a stored message can not be read');
    throw new MailError('unavailable', 'the message can not be read');
  }

  /** Octets [start, end) of the content, but no more than `most` of them. */
  content(access: Access, mailbox: MailboxId, uid: Uid, start: number, end: number): Buffer {
    const { account, mailbox: found } = findPlace(this.#db, access, mailbox);
    const rows = this.#db.arrays(query(false, true)).all(account, found.n, uid, uid, 1) as unknown as Row[];
    if (rows.length === 0) throw new MailError('no-such-message', 'no such message');
    const head = asBuffer(rows[0]![2]);
    if (!headIsWhole(head)) this.#damaged(uid, 'wrong CRC of a row');
    const prefix = headPrefix(head);
    const body = this.#bodies.read(headBody(head), headBodySize(head), start - prefix.length, end - prefix.length);
    return start < prefix.length ? Buffer.concat([prefix.subarray(start, end), body]) : body;
  }
}

const isOne = (uids: UidSet): boolean => uids.length === 1 && uids[0]![0] === uids[0]![1];
