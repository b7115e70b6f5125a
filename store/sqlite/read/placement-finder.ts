/** Where messages are, by their ids: a few microseconds each, however large the account. */
import type { Access, MailboxId, MessageId, Placed, Uid } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import { asBuffer, headIsWhole, headMessage, headThread } from '../pack.ts';
import { LookupReader } from './lookup-reader.ts';
import { accountNumber } from './place.ts';

/** Octets of groups that are followed at once on the thread that asks: about a millisecond. */
const SOON = 262_144;

const MESSAGE = 'SELECT account, mailbox, uid, head FROM messages WHERE k = ?';
/** Of its first placement and the others, those that exist. */
const PLACES = `SELECT b.id, p.uid
  FROM (SELECT ?2 AS mailbox, ?3 AS uid UNION ALL SELECT mailbox, uid FROM more WHERE message = ?4) s
  CROSS JOIN placements p ON p.account = ?1 AND p.mailbox = s.mailbox AND p.uid = s.uid AND p.message = ?4
  CROSS JOIN mailboxes b ON b.account = ?1 AND b.n = p.mailbox`;

export class PlacementFinder {
  readonly #db: Database;
  readonly #lookups: LookupReader;

  constructor(db: Database) {
    this.#db = db;
    this.#lookups = new LookupReader(db);
  }

  find(access: Access, ids: readonly MessageId[]): readonly Placed[] {
    return this.#find(access, ids, Number.POSITIVE_INFINITY)!;
  }

  /** `undefined` where much that was committed lately would have to be looked through. */
  findSoon(access: Access, ids: readonly MessageId[]): readonly Placed[] | undefined {
    return this.#find(access, ids, SOON);
  }

  #find(access: Access, ids: readonly MessageId[], most: number): Placed[] | undefined {
    const account = accountNumber(this.#db, access);
    const out: Placed[] = [];
    const wanted = [...new Set(ids)];
    const moved = this.#lookups.moved(account, wanted);
    const missing = wanted.filter((id, i) => !moved[i]!.some((k) => this.#take(account, id, k, out)));
    if (missing.length === 0) return out;
    if (!this.#lookups.follow(most)) return undefined;
    for (const id of missing) {
      const k = this.#lookups.recent(account, id);
      if (k !== undefined) this.#take(account, id, k, out);
    }
    return out;
  }

  /** Tells whether that is the message. */
  #take(account: number, id: MessageId, k: number, out: Placed[]): boolean {
    const row = this.#db.arrays(MESSAGE).get(k) as ArrayRow | undefined;
    if (!row) return false;
    const [owner, mailbox, uid, bytes] = row as [number, number, Uid, Uint8Array];
    const head = asBuffer(bytes);
    if (owner !== account || !headIsWhole(head) || headMessage(head) !== id) return false;
    const places = this.#db.arrays(PLACES).all(account, mailbox, uid, k) as unknown as [MailboxId, Uid][];
    const thread = headThread(head);
    for (const [at, number] of places) out.push({ message: id, thread, mailbox: at, uid: number });
    return true;
  }
}
