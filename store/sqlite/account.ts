/**
 * An account as the writer holds it in memory: its row, its mailboxes, its flag sets. The rows follow at the end of the
 * group (`saveAll`). When a commit fails the copy is dropped and read again, so that memory never knows more than the database.
 */
import type { Flags, MailboxId, ModSeq, Role, Uid } from '../types.ts';
import type { ArrayRow, Database } from './database.ts';
import { Recent } from './recent.ts';

export interface Account {
  readonly n: number;
  readonly id: string;
  modseq: ModSeq;
  usedBytes: number;
  usedMessages: number;
  quotaBytes: number | null;
  uidValidity: number;
  nextMailbox: number;
  nextFlagSet: number;
  nextOutbox: number;
  readonly mailboxes: Map<MailboxId, Mailbox>;
  /** Each name of a mailbox leads to it. */
  readonly names: Map<string, Mailbox>;
  readonly flagSets: FlagSets;
  /** First spelling of each keyword, by its lower-case form. */
  readonly spelling: Map<string, string>;
  /** What the rows don't say yet (`saveAccount`). */
  changed: boolean;
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

/** Each commit leaves a row in `changes`, so that the account's modseq needs no row of its own. */
export const MODSEQ = 'max(log_floor, coalesce((SELECT max(modseq) FROM changes c WHERE c.account = a.n), 0))';
const ACCOUNT = `SELECT n, ${MODSEQ}, quota_bytes, uid_validity, next_mailbox, next_flag_set, next_outbox
  FROM accounts a WHERE id = ?`;
const MAILBOXES = `SELECT n, id, name, role, uid_validity, uid_next, highest_modseq, created_modseq, messages, unseen,
  deleted, size FROM mailboxes WHERE account = ?`;

export function loadAccount(db: Database, id: string): Account | undefined {
  const row = db.arrays(ACCOUNT).get(id) as ArrayRow | undefined;
  if (!row) return undefined;
  const [n, modseq, quotaBytes, uidValidity, mailbox, flagSet, outbox] = row as number[];
  const account: Account = {
    n: n!,
    id,
    modseq: modseq!,
    usedBytes: 0,
    usedMessages: 0,
    quotaBytes: quotaBytes ?? null,
    uidValidity: uidValidity!,
    nextMailbox: mailbox!,
    nextFlagSet: flagSet!,
    nextOutbox: outbox!,
    mailboxes: new Map(),
    names: new Map(),
    flagSets: { byNumber: new Map(), byText: new Map() },
    spelling: new Map(),
    changed: false,
    changedMailboxes: new Set(),
  };
  for (const one of db.arrays(MAILBOXES).all(account.n) as unknown as ArrayRow[]) {
    const found = mailboxOf(one);
    addMailbox(account, found);
    account.usedBytes += found.size;
    account.usedMessages += found.messages;
  }
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

const SAVE_ACCOUNT = `UPDATE accounts SET quota_bytes = ?, uid_validity = ?, next_mailbox = ?, next_flag_set = ?,
  next_outbox = ? WHERE n = ?`;
const SAVE_MAILBOX = `UPDATE mailboxes SET name = ?, role = ?, uid_validity = ?, uid_next = ?, highest_modseq = ?,
  messages = ?, unseen = ?, deleted = ?, size = ? WHERE account = ? AND n = ?`;

export function saveAccount(db: Database, account: Account): void {
  const a = account;
  if (a.changed) {
    const save = db.statement(SAVE_ACCOUNT);
    save.run(a.quotaBytes, a.uidValidity, a.nextMailbox, a.nextFlagSet, a.nextOutbox, a.n);
    a.changed = false;
  }
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

/** The accounts that were written to last, and what is still to be written of them. */
export class AccountCache {
  readonly #db: Database;
  readonly #accounts: Recent<string, Account>;
  readonly #unsaved = new Set<Account>();

  constructor(db: Database, most: number) {
    this.#db = db;
    this.#accounts = new Recent(most);
  }

  get(id: string): Account | undefined {
    const known = this.#accounts.get(id);
    if (known) return known;
    const account = loadAccount(this.#db, id);
    if (account) this.#accounts.set(id, account);
    return account;
  }

  /** The account's rows will be written with those of the group (`saveAll`). */
  changed(account: Account): void {
    this.#unsaved.add(account);
  }

  /** Writes what is still to be written of this account: what follows may be rolled back alone. */
  save(account: Account): void {
    if (this.#unsaved.delete(account)) saveAccount(this.#db, account);
  }

  saveAll(): void {
    for (const account of this.#unsaved) saveAccount(this.#db, account);
    this.#unsaved.clear();
  }

  /** Its rows are right, what is in memory may not be. */
  forget(id: string): void {
    const account = this.#accounts.get(id);
    if (account) this.#unsaved.delete(account);
    this.#accounts.delete(id);
  }

  clear(): void {
    this.#unsaved.clear();
    this.#accounts.clear();
  }
}
