/**
 * One mailbox by its name, without reading the others. What is remembered (which row a name or an id was) is a hint: the row itself says
 * whether it still is, so that nothing here can be stale.
 */
import type { Access, AccountId, Mailbox } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import { describe, MAILBOX_COLUMNS } from './account.ts';
import { accountNumber, remember } from './place.ts';

/** Accounts whose mailboxes are remembered. */
const ACCOUNTS = 1_000;
/** Names that are looked for one by one. */
const FEW = 4;
/** No mailbox has this number. */
const NONE = 0;

const BY_NAME = `SELECT n, ${MAILBOX_COLUMNS} FROM mailboxes WHERE account = ? AND name = ?`;
/** The same of an account by its id. */
const FIRST = `SELECT n, ${MAILBOX_COLUMNS} FROM mailboxes WHERE account = (SELECT n FROM accounts WHERE id = ?) AND name = ?`;
const BY_NUMBER = `SELECT ${MAILBOX_COLUMNS} FROM mailboxes WHERE account = ? AND n = ?`;
const KNOWN = `SELECT ${MAILBOX_COLUMNS} FROM mailboxes
  WHERE account = (SELECT n FROM accounts WHERE id = ?) AND n = ? AND name = ?`;
const NAMES = 'SELECT name, n FROM mailboxes WHERE account = ?';

export class MailboxFinder {
  readonly #db: Database;
  readonly #accounts = new Map<AccountId, ReadonlyMap<string, number>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * The mailbox, if it is where it was last time, or the account is asked for one of the first times: one statement, which needs no
   * transaction. Throws nothing that `find` doesn't throw.
   */
  quick({ owner, viewer }: Access, name: string): Mailbox | undefined {
    if (owner !== viewer) return undefined;
    const known = this.#accounts.get(owner);
    const number = known?.get(name);
    if (number === undefined) return (known?.size ?? 0) < FEW ? this.#first(owner, name, known) : undefined;
    const row = this.#db.arrays(KNOWN).get(owner, number, name) as ArrayRow | undefined;
    return row && describe(row);
  }

  #first(owner: AccountId, name: string, known: ReadonlyMap<string, number> | undefined): Mailbox | undefined {
    const row = this.#db.arrays(FIRST).get(owner, name) as unknown as [number, ...ArrayRow] | undefined;
    if (!row) return undefined;
    const [number, ...columns] = row;
    this.#remember(owner, [...(known ?? []), [name, number]]);
    return this.#found(number, columns);
  }

  /** Throws what `findAccount` throws. */
  find(access: Access, name: string): Mailbox | undefined {
    const { owner } = access;
    const account = accountNumber(this.#db, access);
    // Who asks for a few is answered without a look at all names; who goes on asking has them all read.
    const known = this.#accounts.get(owner);
    if (known === undefined || known.size < FEW) {
      const row = this.#db.arrays(BY_NAME).get(account, name) as unknown as [number, ...ArrayRow] | undefined;
      this.#remember(owner, [...(known ?? []), [name, row?.[0] ?? NONE]]);
      return row && this.#found(row[0], row.slice(1));
    }
    const all = this.#db.arrays(NAMES).all(account) as unknown as [string, number][];
    const number = this.#remember(owner, all).get(name);
    if (number === undefined) return undefined;
    const row = this.#db.arrays(BY_NUMBER).get(account, number) as ArrayRow | undefined;
    return row && this.#found(number, row);
  }

  /** Whoever looks for a mailbox by its name mostly asks for it by its id next. */
  #found(number: number, row: ArrayRow): Mailbox {
    const mailbox = describe(row);
    remember(this.#db, mailbox.id, number);
    return mailbox;
  }

  #remember(owner: AccountId, names: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
    const known = new Map(names);
    this.#accounts.delete(owner);
    this.#accounts.set(owner, known);
    if (this.#accounts.size > ACCOUNTS) this.#accounts.delete(this.#accounts.keys().next().value!);
    return known;
  }
}
