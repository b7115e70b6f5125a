/** Reads of accounts, mailboxes, changes and outbox. Each runs within one read transaction: its parts belong to one moment. */
import { MailError } from '#mail/failure.ts';
import type { ChangeRecord, Changes } from '../../change.ts';
import type { OutboxRow } from '../../store.ts';
import type { Access, AccountState, Mailbox, MailboxId, MailboxList, ModSeq, Role } from '../../types.ts';
import { MODSEQ } from '../account.ts';
import type { ArrayRow, Database } from '../database.ts';

export interface FoundAccount {
  readonly n: number;
  readonly modseq: ModSeq;
  readonly logFloor: ModSeq;
}

/** Throws `no-such-account`, and `not-permitted` for another's. */
export function findAccount(db: Database, access: Access): FoundAccount {
  if (access.viewer !== access.owner) throw new MailError('not-permitted', 'another one’s account');
  const row = db.arrays(`SELECT n, ${MODSEQ}, log_floor FROM accounts a WHERE id = ?`).get(access.owner) as
    | ArrayRow
    | undefined;
  if (!row) throw new MailError('no-such-account', 'no such account');
  const [n, modseq, logFloor] = row as number[];
  return { n: n!, modseq: modseq!, logFloor: logFloor! };
}

export interface FoundMailbox {
  readonly n: number;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModseq: ModSeq;
  readonly messages: number;
  readonly tombstoneFloor: ModSeq;
}

const MAILBOX = `SELECT n, uid_validity, uid_next, highest_modseq, messages, tombstone_floor FROM mailboxes
  WHERE account = ? AND id = ?`;

/** An account has few mailboxes, so that a look through their rows is as good as an index. */
export function findMailbox(db: Database, account: Pick<FoundAccount, 'n'>, id: MailboxId): FoundMailbox {
  const row = db.arrays(MAILBOX).get(account.n, id) as ArrayRow | undefined;
  if (!row) throw new MailError('no-such-mailbox', 'no such mailbox');
  return foundMailbox(row as unknown as number[]);
}

/** Of a row that begins with n, uid_validity, uid_next, highest_modseq, messages, tombstone_floor. */
export function foundMailbox(row: readonly number[]): FoundMailbox {
  const [n, uidValidity, uidNext, highestModseq, messages, tombstoneFloor] = row as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { n, uidValidity, uidNext, highestModseq, messages, tombstoneFloor };
}

/** One statement, which needs no transaction. */
const STATE = `SELECT a.n, ${MODSEQ}, a.quota_bytes, coalesce(sum(b.size), 0), coalesce(sum(b.messages), 0)
  FROM accounts a LEFT JOIN mailboxes b ON b.account = a.n WHERE a.id = ?`;

export function accountState(db: Database, access: Access): AccountState {
  if (access.viewer !== access.owner) throw new MailError('not-permitted', 'another one’s account');
  const row = db.arrays(STATE).get(access.owner) as unknown as [number | null, number, number | null, number, number];
  const [n, modseq, quota, usedBytes, usedMessages] = row;
  if (n === null) throw new MailError('no-such-account', 'no such account');
  const state = { id: access.owner, modseq, usedBytes, usedMessages };
  return quota === null ? state : { ...state, quotaBytes: quota };
}

/** As `describe` takes them. */
export const MAILBOX_COLUMNS = `id, name, role, uid_validity, uid_next, highest_modseq, created_modseq, messages, unseen,
  deleted, size`;
const MAILBOXES = `SELECT ${MAILBOX_COLUMNS} FROM mailboxes WHERE account = ?`;

/** Rows that are read at once where somebody waits with sockets. */
const FEW = 64;
const FEW_MAILBOXES = `${MAILBOXES} LIMIT ${FEW + 1}`;

export function mailboxes(db: Database, access: Access): MailboxList {
  const { n, modseq } = findAccount(db, access);
  return listed(db, n, modseq, db.arrays(MAILBOXES).all(n) as unknown as ArrayRow[]);
}

/** `undefined` where there are many. */
export function fewMailboxes(db: Database, access: Access): MailboxList | undefined {
  const { n, modseq } = findAccount(db, access);
  const rows = db.arrays(FEW_MAILBOXES).all(n) as unknown as ArrayRow[];
  return rows.length > FEW ? undefined : listed(db, n, modseq, rows);
}

function listed(db: Database, n: number, modseq: ModSeq, rows: readonly ArrayRow[]): MailboxList {
  const list = rows.map(describe);
  const names = db.arrays('SELECT name FROM subscriptions WHERE account = ?').all(n) as unknown as [string][];
  return {
    modseq,
    mailboxes: list.sort((a, b) => (a.name < b.name ? -1 : 1)),
    subscribed: names.map(([name]) => name).sort(),
  };
}

export function describe(row: ArrayRow): Mailbox {
  const [id, name, role, uidValidity, uidNext, highestModseq, createdModseq, messages, unseen, deleted, size] = row as [
    string,
    string,
    Role | null,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const mailbox = { id, name, uidValidity, uidNext, highestModseq, createdModseq, messages, unseen, deleted, size };
  return role === null ? mailbox : { ...mailbox, role };
}

const PAGE = 500;

export function changes(db: Database, access: Access, since: ModSeq, limit: number): Changes {
  const { n, modseq, logFloor } = findAccount(db, access);
  if (since < logFloor) return { complete: false, modseq };
  const page = db.arrays(
    'SELECT modseq, records FROM changes WHERE account = ? AND modseq > ? ORDER BY modseq LIMIT ?',
  );
  const records: ChangeRecord[] = [];
  let after = since;
  for (;;) {
    const rows = page.all(n, after, PAGE) as unknown as [number, string][];
    for (const [at, text] of rows) {
      const found = JSON.parse(text) as Omit<ChangeRecord, 'modseq'>[];
      // A commit's records stay together, also where that exceeds the limit.
      if (found.length > 0 && records.length > 0 && records.length >= limit) {
        return { complete: true, modseq: records.at(-1)!.modseq, records };
      }
      for (const record of found) records.push({ modseq: at, ...record });
      after = at;
    }
    if (rows.length < PAGE) return { complete: true, modseq, records };
  }
}

const FEW_CHANGES = `SELECT modseq, records FROM changes WHERE account = ? AND modseq > ? ORDER BY modseq LIMIT ${FEW + 1}`;

/** As `changes`; `undefined` where there are many. */
export function fewChanges(db: Database, access: Access, since: ModSeq, limit: number): Changes | undefined {
  const { n, modseq, logFloor } = findAccount(db, access);
  if (since < logFloor) return { complete: false, modseq };
  const rows = db.arrays(FEW_CHANGES).all(n, since) as unknown as [number, string][];
  const octets = rows.reduce((sum, [, text]) => sum + text.length, 0);
  if (rows.length > Math.min(FEW, limit) || octets > FEW_OCTETS) return undefined;
  const records = rows.flatMap(([at, text]) =>
    (JSON.parse(text) as ChangeRecord[]).map((one) => ({ ...one, modseq: at })),
  );
  // Then it has to be cut between commits.
  return records.length > limit ? undefined : { complete: true, modseq, records };
}

const FEW_OCTETS = 65_536;

const OUTBOX = 'SELECT id, kind, payload, created_at, not_before FROM outbox WHERE account = ? ORDER BY n';
const FEW_OUTBOX = `${OUTBOX} LIMIT ${FEW + 1}`;
type OutboxArray = [string, string, Uint8Array, number, number | null];

export function outbox(db: Database, access: Access): readonly OutboxRow[] {
  return outboxRows(db.arrays(OUTBOX).all(findAccount(db, access).n) as unknown as OutboxArray[]);
}

/** `undefined` where there are many. */
export function fewOutbox(db: Database, access: Access): readonly OutboxRow[] | undefined {
  const rows = db.arrays(FEW_OUTBOX).all(findAccount(db, access).n) as unknown as OutboxArray[];
  return rows.length > FEW ? undefined : outboxRows(rows);
}

function outboxRows(rows: readonly OutboxArray[]): readonly OutboxRow[] {
  return rows.map(([id, kind, payload, createdAt, notBefore]) => {
    const row = { id, kind, payload, createdAt };
    return notBefore === null ? row : { ...row, notBefore };
  });
}
