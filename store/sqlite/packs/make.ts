/**
 * What the writer makes while it has nothing else to do: packed blocks of messages (store/packed.ts) and packed snapshots of mailboxes
 * (STORE.md §4). Both are derived: what is missing is read from the rows, and what is dropped is made again.
 */
import { crc32 } from 'node:zlib';
import type { Log } from '#runtime/ambient.ts';
import { BLOCK, blockOf, PACKED_COLUMNS, packRows, uidsOfBlock } from '../../packed.ts';
import type { UidSet } from '../../types.ts';
import { MODSEQ } from '../account.ts';
import type { Database } from '../database.ts';
import { BodyReader } from '../read/bodies.ts';
import { MessageReader } from '../read/messages.ts';
import { allRows } from '../read/placements.ts';
import { rowsOf } from './read.ts';
import { saveSnapshot } from './snapshot.ts';
import { FEWEST, packThreads, THREADS } from './threads.ts';

/** Mailboxes that are looked at in a slice. */
const MAILBOXES = 200;
/** A block with fewer messages is as quick to read from its rows. */
const DENSE = BLOCK / 4;
/** Smaller mailboxes need no snapshot. */
const LARGE = 1_000;
/** Commits of the account, or changed messages, after which a snapshot is made anew. */
const STALE_COMMITS = 100;
const STALE_ROWS = 1_000;

export class PackMaker {
  readonly #db: Database;
  readonly #messages: MessageReader;
  readonly #bodies: BodyReader;
  /** Where the round is. */
  #account = 0;
  #mailbox = 0;

  constructor(db: Database, segments: string, log: Log) {
    this.#db = db;
    this.#bodies = new BodyReader(db, segments, log);
    this.#messages = new MessageReader(db, this.#bodies, log);
  }

  /** Some milliseconds of work within an open transaction; false when the round is over. */
  slice(): boolean {
    const rows = this.#db.arrays(NEXT).all(this.#account, this.#mailbox, MAILBOXES) as unknown as Next[];
    for (const row of rows) {
      [this.#account, this.#mailbox] = row;
      if (this.#pack(row)) {
        this.#mailbox--; // it may want more
        return true;
      }
    }
    if (rows.length > 0) return true;
    this.#account = 0;
    this.#mailbox = 0;
    dropOrphans(this.#db);
    return false;
  }

  close(): void {
    this.#bodies.close();
  }

  /** True when something was made. */
  #pack([account, mailbox, owner, id, uidNext, messages, highestModseq, modseq, blocks, snapshot]: Next): boolean {
    if ((blocks ?? 0) < Math.floor((uidNext - 1) / BLOCK)) {
      this.#block(account, mailbox, { owner, id }, blocks ?? 0);
      return true;
    }
    if (messages < LARGE || highestModseq <= (snapshot ?? 0)) return false;
    if (snapshot !== null && modseq - snapshot < STALE_COMMITS && !this.#manyChanged(account, mailbox, snapshot)) {
      return false;
    }
    saveSnapshot(this.#db, account, mailbox, modseq, allRows(this.#db, account, mailbox, messages));
    return true;
  }

  #manyChanged(account: number, mailbox: number, since: number): boolean {
    const count = 'SELECT count(*) FROM placements WHERE account = ? AND mailbox = ? AND modseq > ?';
    const [changed] = this.#db.arrays(count).get(account, mailbox, since) as unknown as [number];
    return changed >= STALE_ROWS;
  }

  #block(account: number, mailbox: number, of: { owner: string; id: string }, block: number): void {
    const [first, last] = uidsOfBlock(block);
    const count = 'SELECT count(*) FROM placements WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?';
    const [messages] = this.#db.arrays(count).get(account, mailbox, first, last) as unknown as [number];
    const add = (kind: string, bytes: Uint8Array): void => {
      this.#db.statement(ADD).run(account, mailbox, block, kind, crc32(bytes), bytes);
    };
    const columns = messages >= DENSE ? PACKED_COLUMNS : [];
    if (messages >= FEWEST) {
      const access = { owner: of.owner, viewer: of.owner };
      const rows = rowsOf(this.#messages, access, of.id, block, columns);
      add(THREADS, packThreads(rows));
      if (messages >= DENSE) {
        for (const [i, bytes] of packRows(rows, columns).entries()) add(i === 0 ? 'head' : columns[i - 1]!, bytes);
      }
    }
    this.#db.statement(PROGRESS).run(account, mailbox, block + 1);
  }
}

type Next = [
  account: number,
  mailbox: number,
  owner: string,
  id: string,
  uidNext: number,
  messages: number,
  highestModseq: number,
  modseq: number,
  blocks: number | null,
  snapshot: number | null,
];

/** Mailboxes in the order of their keys, from behind the last one looked at. */
const NEXT = `SELECT b.account, b.n, a.id, b.id, b.uid_next, b.messages, b.highest_modseq, ${MODSEQ}, p.blocks, s.modseq
  FROM mailboxes b JOIN accounts a ON a.n = b.account AND a.id IS NOT NULL
  LEFT JOIN packed p ON p.account = b.account AND p.mailbox = b.n
  LEFT JOIN snapshots s ON s.account = b.account AND s.mailbox = b.n
  WHERE (b.account, b.n) > (?, ?) ORDER BY b.account, b.n LIMIT ?`;
const ADD = 'INSERT OR REPLACE INTO packs (account, mailbox, block, kind, crc, bytes) VALUES (?, ?, ?, ?, ?, ?)';
const PROGRESS = 'INSERT OR REPLACE INTO packed (account, mailbox, blocks) VALUES (?, ?, ?)';

/** What was packed of content that goes for good. */
export function dropPacks(db: Database, account: number, mailbox: number, uids: UidSet): void {
  const drop = db.statement('DELETE FROM packs WHERE account = ? AND mailbox = ? AND block BETWEEN ? AND ?');
  const lower = db.statement('UPDATE packed SET blocks = min(blocks, ?) WHERE account = ? AND mailbox = ?');
  for (const [first, last] of uids) {
    drop.run(account, mailbox, blockOf(first), blockOf(last));
    lower.run(blockOf(first), account, mailbox);
  }
}

/** Of mailboxes that are gone. */
function dropOrphans(db: Database): void {
  const gone = `SELECT account, mailbox FROM packed EXCEPT SELECT account, n FROM mailboxes`;
  const dropped = db.arrays(gone).all() as unknown as [number, number][];
  for (const [account, mailbox] of dropped) {
    for (const table of ['packs', 'packed']) {
      db.statement(`DELETE FROM ${table} WHERE account = ? AND mailbox = ?`).run(account, mailbox);
    }
  }
  db.exec('DELETE FROM snapshots WHERE (account, mailbox) NOT IN (SELECT account, n FROM mailboxes)');
}
