/**
 * An account as the writer holds it in memory: its row, its mailboxes, its flag sets. The rows follow at the end of each
 * commit (`saveAccount`). When a commit fails the copy is dropped and read again, so that memory never knows more than the database.
 */
import type { Flags, MailboxId, ModSeq, Role, Uid } from '../types.ts';
import type { ArrayRow, Database } from './database.ts';

export interface Account {
  readonly n: number;
  readonly id: string;
  modseq: ModSeq;
  usedBytes: number;
  usedMessages: number;
  quotaBytes: number | null;
  uidValidity: number;
  nextMessage: number;
  nextMailbox: number;
  nextFlagSet: number;
  nextOutbox: number;
  readonly mailboxes: Map<MailboxId, Mailbox>;
  /** Each name of a mailbox leads to it. */
  readonly names: Map<string, Mailbox>;
  readonly flagSets: FlagSets;
  /** First spelling of each keyword, by its lower-case form. */
  readonly spelling: Map<string, string>;
  readonly changedMailboxes: Set<Mailbox>;
}

export interface Mailbox {
  readonly n: number;
  readonly id: MailboxId;
  name: string;
  role: Role | null;
  uidValidity: number;
  uidNext: Uid;
  highestModseq: ModSeq;
  readonly createdModseq: ModSeq;
  messages: number;
  unseen: number;
  deleted: number;
  size: number;
}

/** A flag set interned: `\Seen` and `\Deleted` are asked for at every step. */
export interface FlagSet {
  readonly n: number;
  readonly flags: Flags;
  readonly unseen: 0 | 1;
  readonly deleted: 0 | 1;
}

export interface FlagSets {
  readonly byNumber: Map<number, FlagSet>;
  readonly byText: Map<string, FlagSet>;
}

const ACCOUNT = `SELECT n, modseq, used_bytes, used_messages, quota_bytes, uid_validity, next_message, next_mailbox,
  next_flag_set, next_outbox FROM accounts WHERE id = ?`;
const MAILBOXES = `SELECT n, id, name, role, uid_validity, uid_next, highest_modseq, created_modseq, messages, unseen,
  deleted, size FROM mailboxes WHERE account = ?`;

export function loadAccount(db: Database, id: string): Account | undefined {
  const row = db.arrays(ACCOUNT).get(id) as ArrayRow | undefined;
  if (!row) return undefined;
  const [n, modseq, usedBytes, usedMessages, quotaBytes, uidValidity, message, mailbox, flagSet, outbox] =
    row as number[];
  const account: Account = {
    n: n!,
    id,
    modseq: modseq!,
    usedBytes: usedBytes!,
    usedMessages: usedMessages!,
    quotaBytes: quotaBytes ?? null,
    uidValidity: uidValidity!,
    nextMessage: message!,
    nextMailbox: mailbox!,
    nextFlagSet: flagSet!,
    nextOutbox: outbox!,
    mailboxes: new Map(),
    names: new Map(),
    flagSets: { byNumber: new Map(), byText: new Map() },
    spelling: new Map(),
    changedMailboxes: new Set(),
  };
  for (const one of db.arrays(MAILBOXES).all(account.n) as unknown as ArrayRow[]) addMailbox(account, mailboxOf(one));
  const sets = db.arrays('SELECT n, flags FROM flag_sets WHERE account = ?').all(account.n) as unknown as ArrayRow[];
  for (const [number, flags] of sets) addFlagSet(account.flagSets, number as number, flags as string);
  const words = db.arrays('SELECT key, flag FROM keywords WHERE account = ?').all(account.n) as unknown as ArrayRow[];
  for (const [key, flag] of words) account.spelling.set(key as string, flag as string);
  return account;
}

function mailboxOf(row: ArrayRow): Mailbox {
  const [n, id, name, role, uidValidity, uidNext, highestModseq, createdModseq, messages, unseen, deleted, size] =
    row as [number, string, string, Role | null, number, number, number, number, number, number, number, number];
  return { n, id, name, role, uidValidity, uidNext, highestModseq, createdModseq, messages, unseen, deleted, size };
}

export function addMailbox(account: Account, mailbox: Mailbox): void {
  account.mailboxes.set(mailbox.id, mailbox);
  account.names.set(mailbox.name, mailbox);
}

export function addFlagSet(sets: FlagSets, n: number, text: string): FlagSet {
  const flags = text === '' ? [] : text.split(' ');
  const unseen = flags.includes('\\Seen') ? 0 : 1;
  const set: FlagSet = { n, flags, unseen, deleted: flags.includes('\\Deleted') ? 1 : 0 };
  sets.byNumber.set(n, set);
  sets.byText.set(text, set);
  return set;
}

const SAVE_ACCOUNT = `UPDATE accounts SET modseq = ?, used_bytes = ?, used_messages = ?, quota_bytes = ?,
  uid_validity = ?, next_message = ?, next_mailbox = ?, next_flag_set = ?, next_outbox = ? WHERE n = ?`;
const SAVE_MAILBOX = `UPDATE mailboxes SET name = ?, role = ?, uid_validity = ?, uid_next = ?, highest_modseq = ?,
  messages = ?, unseen = ?, deleted = ?, size = ? WHERE account = ? AND n = ?`;

export function saveAccount(db: Database, account: Account): void {
  const a = account;
  db.statement(SAVE_ACCOUNT).run(
    a.modseq,
    a.usedBytes,
    a.usedMessages,
    a.quotaBytes,
    a.uidValidity,
    a.nextMessage,
    a.nextMailbox,
    a.nextFlagSet,
    a.nextOutbox,
    a.n,
  );
  for (const m of a.changedMailboxes) {
    db.statement(SAVE_MAILBOX).run(
      m.name,
      m.role,
      m.uidValidity,
      m.uidNext,
      m.highestModseq,
      m.messages,
      m.unseen,
      m.deleted,
      m.size,
      a.n,
      m.n,
    );
  }
  a.changedMailboxes.clear();
}

/** The accounts that were written to last. */
export class AccountCache {
  readonly #db: Database;
  readonly #most: number;
  readonly #accounts = new Map<string, Account>();

  constructor(db: Database, most: number) {
    this.#db = db;
    this.#most = most;
  }

  get(id: string): Account | undefined {
    const known = this.#accounts.get(id);
    if (known) {
      this.#accounts.delete(id);
      this.#accounts.set(id, known);
      return known;
    }
    const account = loadAccount(this.#db, id);
    if (account) this.#accounts.set(id, account);
    if (this.#accounts.size > this.#most) this.#accounts.delete(this.#accounts.keys().next().value!);
    return account;
  }

  forget(id: string): void {
    this.#accounts.delete(id);
  }

  clear(): void {
    this.#accounts.clear();
  }
}
