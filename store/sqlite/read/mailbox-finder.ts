/**
 * One mailbox by its name, without reading the others. What is remembered (which row a name or an id was) is a hint: the row itself says
 * whether it still is, so that nothing here can be stale.
 */
import type { Access, Mailbox } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import { describe, findAccount, MAILBOX_COLUMNS } from './account.ts';

/** Accounts whose mailboxes are remembered. */
const ACCOUNTS = 1_000;

const BY_NUMBER = `SELECT ${MAILBOX_COLUMNS} FROM mailboxes WHERE account = ? AND n = ?`;
const NAMES = 'SELECT name, n FROM mailboxes WHERE account = ?';

export class MailboxFinder {
  readonly #db: Database;
  readonly #accounts = new Map<number, ReadonlyMap<string, number>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Throws what `findAccount` throws. */
  find(access: Access, name: string): Mailbox | undefined {
    const { n: account } = findAccount(this.#db, access);
    const known = this.#accounts.get(account)?.get(name);
    const found = known === undefined ? undefined : this.#row(account, known);
    if (found?.name === name) return found;
    const number = this.#remember(account).get(name);
    return number === undefined ? undefined : this.#row(account, number);
  }

  #row(account: number, n: number): Mailbox | undefined {
    const row = this.#db.arrays(BY_NUMBER).get(account, n) as ArrayRow | undefined;
    return row && describe(row);
  }

  #remember(account: number): ReadonlyMap<string, number> {
    const names = new Map(this.#db.arrays(NAMES).all(account) as unknown as [string, number][]);
    this.#accounts.delete(account);
    this.#accounts.set(account, names);
    if (this.#accounts.size > ACCOUNTS) this.#accounts.delete(this.#accounts.keys().next().value!);
    return names;
  }
}
