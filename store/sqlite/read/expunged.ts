/**
 * What is nowhere any more and still retained: `purge` says in which order placements went, `expunged` holds them. Most of them may have been moved only; each
 * is looked at, so that one read looks at a bounded number and says where the next goes on.
 */
import { MailError } from '#mail/failure.ts';
import type { Log } from '#runtime/ambient.ts';
import type { ExpungedMessage, ExpungedPage, ExpungedQuery } from '../../store.ts';
import type { Access, Flags, MailboxId, Uid, UidSet } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import { asBuffer, COLUMN_NAMES, columnOf, columnsAreWhole, headIsWhole } from '../pack.ts';
import { rowOf, setColumn } from './message-rows.ts';
import { accountNumber } from './place.ts';

/** Placements that one read looks at, at most: some 5 µs each. */
const LOOKED_AT = 4_000;
const PURGES_A_QUERY = 64;

const PURGES = `SELECT seq, at, mailbox, uids FROM purge
  WHERE account = ? AND seq <= ? AND at >= ? ORDER BY seq DESC LIMIT ?`;
const SOME = `SELECT * FROM expunged
  WHERE account = ?1 AND mailbox = ?2 AND uid BETWEEN ?3 AND ?4 ORDER BY uid DESC LIMIT ?5`;
const EXTENT = `SELECT count(*), min(uid) FROM (${SOME})`;
/** In no mailbox, and nowhere else later: a message's first placement stands in its row, all others in `more`. */
const GONE = `SELECT e.uid, e.saved_at, m.head, m.columns, e.flags FROM (${SOME}) e CROSS JOIN messages m ON m.k = e.message
  WHERE NOT EXISTS (SELECT 1 FROM placements p WHERE p.account = ?1 AND p.mailbox = m.mailbox AND p.uid = m.uid)
    AND NOT EXISTS (SELECT 1 FROM expunged x WHERE x.account = ?1 AND x.mailbox = m.mailbox AND x.uid = m.uid
      AND (x.modseq, x.mailbox, x.uid) > (e.modseq, e.mailbox, e.uid))
    AND NOT EXISTS (SELECT 1 FROM more o CROSS JOIN placements p
      ON p.account = ?1 AND p.mailbox = o.mailbox AND p.uid = o.uid WHERE o.message = e.message)
    AND NOT EXISTS (SELECT 1 FROM more o CROSS JOIN expunged x
      ON x.account = ?1 AND x.mailbox = o.mailbox AND x.uid = o.uid
        AND (x.modseq, x.mailbox, x.uid) > (e.modseq, e.mailbox, e.uid) WHERE o.message = e.message)
  ORDER BY e.uid DESC LIMIT ?6`;
const MAILBOX = `SELECT id, name, 0 FROM mailboxes WHERE account = ?1 AND n = ?2
  UNION ALL SELECT id, name, 1 FROM emptied_mailboxes WHERE account = ?1 AND n = ?2`;

type Gone = [uid: Uid, savedAt: number, head: Uint8Array, columns: Uint8Array, flags: number];

interface Purge {
  readonly seq: number;
  readonly at: number;
  /** Its number. */
  readonly mailbox: number;
  /** Descending. */
  readonly ranges: readonly (readonly [Uid, Uid])[];
}

export function expunged(db: Database, access: Access, query: ExpungedQuery, log: Log): ExpungedPage {
  const account = accountNumber(db, access);
  const [fromSeq, fromUid] = placeOf(query.before);
  const page = new Page(db, account, query.limit, log);
  for (const purge of purges(db, account, fromSeq, query.since ?? 0)) {
    const below = purge.seq === fromSeq ? fromUid : Number.POSITIVE_INFINITY;
    const rest = page.take(purge, below);
    if (rest !== undefined) return { messages: page.messages, next: `${purge.seq}.${rest}` };
  }
  return { messages: page.messages };
}

/** A cursor names the purge and the UID below which it goes on. */
function placeOf(before: string | undefined): [seq: number, uid: Uid] {
  if (before === undefined) return [Number.MAX_SAFE_INTEGER, 0];
  const [, seq, uid] = /^(\d{1,15})\.(\d{1,10})$/.exec(before) ?? [];
  if (seq === undefined) throw new MailError('bad-request', 'no such page');
  return [Number(seq), Number(uid)];
}

function* purges(db: Database, account: number, from: number, since: number): Generator<Purge> {
  for (let next = from; ; ) {
    const rows = db.arrays(PURGES).all(account, next, since, PURGES_A_QUERY) as unknown as [
      number,
      number,
      number,
      string,
    ][];
    for (const [seq, at, mailbox, uids] of rows) {
      yield { seq, at, mailbox, ranges: (JSON.parse(uids) as UidSet).toReversed() };
      next = seq - 1;
    }
    if (rows.length < PURGES_A_QUERY) return;
  }
}

class Page {
  readonly messages: ExpungedMessage[] = [];
  readonly #db: Database;
  readonly #account: number;
  readonly #limit: number;
  readonly #log: Log;
  #left = LOOKED_AT;

  constructor(db: Database, account: number, limit: number, log: Log) {
    this.#db = db;
    this.#account = account;
    this.#limit = limit;
    this.#log = log;
  }

  /** Answers the UID below which the next page goes on, if this one ends here. */
  take(purge: Purge, below: Uid): Uid | undefined {
    const { mailbox } = purge;
    for (const [first, end] of purge.ranges) {
      for (let last = Math.min(end, below - 1); last >= first; ) {
        if (this.#left <= 0 || this.messages.length >= this.#limit) return last + 1;
        const range = [this.#account, mailbox, first, last, this.#left] as const;
        const [count, least] = this.#db.arrays(EXTENT).get(...range) as unknown as [number, Uid | null];
        const wanted = this.#limit - this.messages.length;
        const rows = this.#db.arrays(GONE).all(...range, wanted) as unknown as Gone[];
        for (const row of rows) this.#add(purge, row);
        const more = count === this.#left;
        this.#left -= count;
        if (rows.length < wanted && !more) break;
        last = (rows.length === wanted ? rows.at(-1)![0] : least!) - 1;
      }
    }
    return undefined;
  }

  #add({ mailbox: n, at }: Purge, [uid, savedAt, headBytes, columnBytes, flags]: Gone): void {
    const head = asBuffer(headBytes);
    const columns = asBuffer(columnBytes);
    if (!headIsWhole(head) || !columnsAreWhole(columns)) {
      this.#log.error({ uid, reason: 'wrong CRC of a row' }, 'an expunged message can not be read');
      return;
    }
    const row = rowOf(uid, savedAt, head);
    for (const name of ['headers', 'parts', 'preview'] as const) {
      const cell = columnOf(columns, COLUMN_NAMES.indexOf(name));
      setColumn(row, name, cell, 0, cell.length);
    }
    const mailbox = this.#mailbox(n);
    this.messages.push({ row, flags: this.#flags(flags), expungedAt: at, ...(mailbox && { mailbox }) });
  }

  #mailbox(n: number): ExpungedMessage['mailbox'] {
    const row = this.#db.arrays(MAILBOX).get(this.#account, n) as ArrayRow | undefined;
    if (!row) return undefined;
    const [id, name, removed] = row as [MailboxId, string, number];
    return { id, name, removed: removed === 1 };
  }

  #flags(n: number): Flags {
    const row = this.#db.arrays('SELECT flags FROM flag_sets WHERE account = ? AND n = ?').get(this.#account, n);
    const text = ((row as ArrayRow | undefined)?.[0] as string | undefined) ?? '';
    return text === '' ? [] : text.split(' ');
  }
}
