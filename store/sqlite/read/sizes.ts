/** UIDs and sizes of a whole mailbox from its placements alone: no message's row is read. */
import type { MailboxSizes } from '../../store.ts';
import type { Access, MailboxId, Uid } from '../../types.ts';
import type { Database } from '../database.ts';
import { findPlace } from './place.ts';

const PAGE = 8_192;
/** Messages that are read at once on the thread that asks: about a millisecond. */
const SMALL_MAILBOX = 500;
const SIZES = 'SELECT uid, size FROM placements WHERE account = ? AND mailbox = ? AND uid > ? ORDER BY uid LIMIT ?';

/** `undefined` where it takes long to read, and is left to a reader thread. */
export function smallSizes(db: Database, access: Access, mailbox: MailboxId): MailboxSizes | undefined {
  const { messages } = findPlace(db, access, mailbox).mailbox;
  return messages > SMALL_MAILBOX ? undefined : sizes(db, access, mailbox);
}

/** Of most accounts, that have none. `undefined` where there may be some, which is left to a reader thread. */
export function noGrowth(db: Database, { owner }: Access): ReadonlyMap<Uid, number> | undefined {
  return db.arrays(ANY_GROWTH).get(owner) === undefined ? NONE : undefined;
}

const NONE: ReadonlyMap<Uid, number> = new Map();
const ANY_GROWTH = 'SELECT 1 FROM growth WHERE account = (SELECT n FROM accounts WHERE id = ?) LIMIT 1';
/** By the placements that the messages know of, so that it takes no longer than there are such messages. */
const GROWTH = `SELECT uid, octets FROM (
    SELECT m.mailbox, m.uid, g.octets FROM growth g CROSS JOIN messages m ON m.k = g.message WHERE g.account = ?1
    UNION ALL
    SELECT o.mailbox, o.uid, g.octets FROM growth g CROSS JOIN more o ON o.message = g.message WHERE g.account = ?1
  ) f WHERE mailbox = ?2
    AND EXISTS (SELECT 1 FROM placements p WHERE p.account = ?1 AND p.mailbox = ?2 AND p.uid = f.uid)`;

export function growth(db: Database, access: Access, mailbox: MailboxId): ReadonlyMap<Uid, number> {
  const { account, mailbox: found } = findPlace(db, access, mailbox);
  return new Map(db.arrays(GROWTH).all(account, found.n) as unknown as [Uid, number][]);
}

export function sizes(db: Database, access: Access, mailbox: MailboxId): MailboxSizes {
  const { account, mailbox: found } = findPlace(db, access, mailbox);
  const statement = db.arrays(SIZES);
  const pages: (readonly (readonly [uid: number, size: number])[])[] = [];
  let count = 0;
  for (let last = 0; ; ) {
    const rows = statement.all(account, found.n, last, PAGE) as unknown as [number, number][];
    pages.push(rows);
    count += rows.length;
    if (rows.length < PAGE) break;
    last = rows.at(-1)![0];
  }
  const columns = { uids: new Uint32Array(count), sizes: new Float64Array(count) };
  let at = 0;
  for (const rows of pages) {
    for (const [uid, size] of rows) {
      columns.uids[at] = uid;
      columns.sizes[at++] = size;
    }
  }
  return columns;
}
