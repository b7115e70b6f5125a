/** The messages of threads: packed blocks say where they may be (packs/threads.ts), and what is in no block yet is read from the rows. */
import { uidsOfBlock } from '../../packed.ts';
import type { Access, MailboxId, Placed, ThreadId, Uid } from '../../types.ts';
import type { Database } from '../database.ts';
import { asBuffer, headIsWhole, headMessage, headThread } from '../pack.ts';
import { eachThreadPack, threadHash } from '../packs/threads.ts';
import { accountNumber } from './place.ts';

const MAILBOXES = 'SELECT n, id, uid_next FROM mailboxes WHERE account = ? AND messages > 0';
const PAGE = 1_024;
const ROWS = `SELECT p.uid, m.head FROM placements p CROSS JOIN messages m ON m.k = p.message
  WHERE p.account = ? AND p.mailbox = ? AND p.uid BETWEEN ? AND ? ORDER BY p.uid LIMIT ${PAGE}`;

export function threadMessages(db: Database, access: Access, threads: readonly ThreadId[]): Placed[] {
  const account = accountNumber(db, access);
  const wanted = new Set(threads);
  const out: Placed[] = [];
  for (const row of db.arrays(MAILBOXES).all(account) as unknown as [number, MailboxId, Uid][]) {
    const [n, mailbox, uidNext] = row;
    inMailbox(db, account, n, uidNext, wanted, (uid, message, thread) => out.push({ message, thread, mailbox, uid }));
  }
  return out;
}

type Found = (uid: Uid, message: string, thread: ThreadId) => void;

function inMailbox(
  db: Database,
  account: number,
  mailbox: number,
  uidNext: Uid,
  wanted: ReadonlySet<ThreadId>,
  found: Found,
): void {
  const rows = db.arrays(ROWS);
  const look = (first: Uid, last: Uid): void => {
    for (let at = first; at <= last; ) {
      const page = rows.all(account, mailbox, at, last) as unknown as [Uid, Uint8Array][];
      for (const [uid, bytes] of page) {
        const head = asBuffer(bytes);
        const thread = headThread(head);
        if (wanted.has(thread) && headIsWhole(head)) found(uid, headMessage(head), thread);
      }
      if (page.length < PAGE) return;
      at = page.at(-1)![0] + 1;
    }
  };
  let next = 1;
  const hashes = new Set(Array.from(wanted, threadHash));
  eachThreadPack(db, account, mailbox, hashes, (block, uids) => {
    const [first, last] = uidsOfBlock(block);
    if (next < first) look(next, first - 1);
    for (const uid of uids) look(uid, uid);
    next = last + 1;
  });
  look(next, uidNext - 1);
}
