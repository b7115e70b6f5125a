/** SEARCH within a reader thread: nothing of what is looked at crosses to another thread, only the UIDs that match. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MailError } from '#mail/failure.ts';
import { foldQuery } from '../../search/decide.ts';
import { evaluateSearch } from '../../search/evaluate.ts';
import type { SearchQuery } from '../../search-query.ts';
import type { MessageRow } from '../../store.ts';
import type { Access, MailboxId, UidSet } from '../../types.ts';
import type { Database } from '../database.ts';
import { propose } from '../packs/propose.ts';
import type { PackReader } from '../packs/read.ts';
import { unpackRows } from './message-rows.ts';
import type { MessageReader } from './messages.ts';
import { snapshot } from './placements.ts';

const PIECE = 262_144;

/** Between batches others get their turn on this thread, and no read transaction stays open. */
export async function search(
  db: Database,
  reader: MessageReader,
  packs: PackReader,
  access: Access,
  mailbox: MailboxId,
  query: SearchQuery,
  now: number,
): Promise<UidSet> {
  const all = db.read(() => snapshot(db, access, mailbox));
  return await evaluateSearch(query, {
    rows: await propose(all, foldQuery(query), (uids, columns) =>
      db.read(() => packs.batch(access, { mailbox, uids, columns })),
    ),
    now,
    async *messages(uids, columns): AsyncGenerator<readonly MessageRow[]> {
      for (let left = uids; left.length > 0; ) {
        // A damaged message is not found; that it is damaged stands in the log.
        const batch = db.read(() => reader.batch(access, { mailbox, uids: left, columns, expunged: false }));
        yield unpackRows(batch, columns);
        left = batch.rest;
        await nextTurn();
      }
    },
    async *content(uid, start, end): AsyncGenerator<Uint8Array> {
      for (let at = start; at < end; at += PIECE) {
        const to = Math.min(at + PIECE, end);
        const piece = db.read(() => readable(() => reader.content(access, mailbox, uid, at, to)));
        if (piece === undefined) return;
        yield piece;
        await nextTurn();
      }
    },
  });
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MailError) return undefined;
    throw error;
  }
}
