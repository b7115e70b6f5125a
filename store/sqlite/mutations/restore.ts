/** `restore`: messages that are nowhere any more get a placement again, from the last one that is retained (`expunged`). */
import { MailError } from '#mail/failure.ts';
import { changeFlags } from '../../flags.ts';
import { newId } from '../../ids.ts';
import { type MutationResult, RESTORE_LIMIT, type Restored } from '../../mutation.ts';
import { INBOX } from '../../names.ts';
import type { MailboxId, MessageId, Uid } from '../../types.ts';
import { fromUids } from '../../uid-set.ts';
import type { FlagSet, Mailbox } from '../account.ts';
import type { ArrayRow } from '../database.ts';
import { asBuffer, headMessage, headSize } from '../pack.ts';
import { checkQuota, countIn, find, intern, mailboxOf, type PackedOf, touch, type Work } from '../work.ts';
import { makeMailbox } from './mailboxes.ts';
import { withUids } from './place.ts';

const MESSAGE = 'SELECT account, mailbox, uid, head FROM messages WHERE k = ?';
/** Of its first placement and the others (schema.ts), those that are in this table. */
const places = (table: string): string => `SELECT t.mailbox, t.flags, t.modseq, t.uid
  FROM (SELECT ?2 AS mailbox, ?3 AS uid UNION ALL SELECT mailbox, uid FROM more WHERE message = ?4) s
  CROSS JOIN ${table} t ON t.account = ?1 AND t.mailbox = s.mailbox AND t.uid = s.uid AND t.message = ?4`;
const PRESENT = `${places('placements')} LIMIT 1`;
const RETAINED = `${places('expunged')} ORDER BY t.modseq DESC, t.mailbox DESC, t.uid DESC LIMIT 1`;
const PLACE = `INSERT INTO placements (account, mailbox, uid, message, modseq, flags, size, saved_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const MORE = 'INSERT INTO more (message, mailbox, uid) VALUES (?, ?, ?)';

interface Found {
  readonly id: MessageId;
  readonly k: number;
  readonly size: number;
  /** The number of the mailbox that it went from. */
  readonly mailbox: number;
  readonly flags: number;
}

export function restore(work: Work, mutation: PackedOf<'restore'>): MutationResult {
  const given = mutation.to === undefined ? undefined : mailboxOf(work, mutation.to);
  const ids = [...new Set(mutation.messages)];
  if (ids.length > RESTORE_LIMIT) throw new MailError('limit-exceeded', 'too many messages at once');
  const keys = find(
    work,
    ids.map((id) => `m${id}`),
  );
  const found = ids.map((id, i) => lookAt(work, id, keys[i] as readonly number[]));
  const back = found.filter((one) => typeof one === 'object');
  checkQuota(
    work,
    back.reduce((sum, { size }) => sum + size, 0),
  );
  const homes = new Map<number, Mailbox>();
  const made = new Map<Mailbox, { readonly uid: Uid; readonly id: MessageId }[]>();
  const restored = back.map((one): Restored => {
    const to = given ?? homeOf(work, one.mailbox, homes);
    const uid = place(work, to, one);
    made.set(to, [...(made.get(to) ?? []), { uid, id: one.id }]);
    return { message: one.id, mailbox: to.id, uidValidity: to.uidValidity, uid };
  });
  for (const [to, all] of made) {
    const uids = fromUids(all.map(({ uid }) => uid));
    work.records.push({ type: 'message', mailbox: to.id, uids, messages: all.map(({ id }) => id) });
  }
  return {
    type: 'restore',
    restored,
    present: ids.filter((_, i) => found[i] === 'present'),
    missing: ids.filter((_, i) => found[i] === 'missing'),
  };
}

function lookAt({ db, account }: Work, id: MessageId, keys: readonly number[]): Found | 'present' | 'missing' {
  for (const k of keys) {
    const row = db.arrays(MESSAGE).get(k) as ArrayRow | undefined;
    if (!row) continue;
    const [owner, mailbox, uid, bytes] = row as [number, number, Uid, Uint8Array];
    const head = asBuffer(bytes);
    if (owner !== account.n || headMessage(head) !== id) continue;
    if (db.arrays(PRESENT).get(account.n, mailbox, uid, k)) return 'present';
    const last = db.arrays(RETAINED).get(account.n, mailbox, uid, k) as ArrayRow | undefined;
    if (last) return { id, k, size: headSize(head), mailbox: last[0] as number, flags: last[1] as number };
  }
  return 'missing';
}

/** Where it was; else what has that name now; else a mailbox that is made under it. */
function homeOf(work: Work, n: number, homes: Map<number, Mailbox>): Mailbox {
  const known = homes.get(n) ?? [...work.account.mailboxes.values()].find((mailbox) => mailbox.n === n);
  const home = known ?? named(work, nameOf(work, n));
  homes.set(n, home);
  return home;
}

function nameOf({ db, account }: Work, n: number): string {
  const row = db.arrays('SELECT name FROM emptied_mailboxes WHERE account = ? AND n = ?').get(account.n, n);
  return ((row as ArrayRow | undefined)?.[0] as string | undefined) ?? INBOX;
}

function named(work: Work, name: string): Mailbox {
  const id = (): MailboxId => newId('mailbox', work.random);
  return work.account.names.get(name) ?? makeMailbox(work, { id: id(), name });
}

function place(work: Work, to: Mailbox, one: Found): Uid {
  const { db, account, modseq, now } = work;
  const uid = withUids(to, 1);
  const flags = flagsOf(work, one.flags);
  db.statement(MORE).run(one.k, to.n, uid);
  db.statement(PLACE).run(account.n, to.n, uid, one.k, modseq, flags.n, one.size, now);
  countIn(work, to, { messages: 1, unseen: flags.unseen, deleted: flags.deleted, size: one.size });
  touch(work, to);
  return uid;
}

function flagsOf(work: Work, n: number): FlagSet {
  const set = work.account.flagSets.byNumber.get(n)!;
  return set.deleted === 1 ? intern(work, changeFlags(set.flags, 'remove', ['\\Deleted'])) : set;
}
