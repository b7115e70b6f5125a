/**
 * Finds what an account already has by a text that is scattered over everything it ever had: the group in which a commit id
 * was answered, the message that has an id, the thread that a Message-ID led to. An index written with each delivery would
 * cost a page for each of the three; so what is new stands in the row of its group (`groups`) and in memory, and goes into
 * `lookups` later, thousands of deliveries at once in the order of the index. So a delivery pays for no index of its own.
 * The writer looks here; readers look at the table and at the rows of groups (read/lookup-reader.ts).
 */
import { randomBytes } from 'node:crypto';
import type { ArrayRow, Database } from './database.ts';

export type LookupValue = number | string;

/** One thing to be found. A name is a letter for its kind (`c` commit, `m` message, `t` thread) and the text. */
export type Entry = readonly [name: string, value: LookupValue];

const NONE: readonly LookupValue[] = [];
/** Commits that may stand in memory alone before their entries are moved. */
const MOST_YOUNG = 16_384;

/** Entries by account and name. */
type Generation = Map<number, Map<string, LookupValue>>;

/** Entries on their way into the table: account by account, each account's in the order of their hashes. */
interface Moving {
  readonly entries: Generation;
  readonly accounts: readonly number[];
  /** The last group whose entries these are. */
  readonly upTo: number;
  next: number;
  rows: (readonly [hash: number, value: LookupValue])[];
  at: number;
}

export class Lookups {
  readonly #db: Database;
  readonly #seeds: Seeds;
  #young: Generation = new Map();
  #commits = 0;
  #moving: Moving | undefined;
  /** Where `#moving` will be once the transaction that is open has been committed. */
  #moved: (Pick<Moving, 'next' | 'rows' | 'at'> & { readonly done: boolean }) | undefined;
  #undo: (readonly [account: number, name: string, before: LookupValue | undefined])[] = [];

  constructor(db: Database) {
    this.#db = db;
    this.#seeds = seeds(db);
    const rows = db.arrays('SELECT seq, commits FROM groups WHERE seq > ? ORDER BY seq');
    for (const [, commits] of rows.all(Number(meta(db, 'folded') ?? 0)) as unknown as [number, string][]) {
      for (const { n, entries } of JSON.parse(commits) as { n: number; entries: readonly Entry[] }[]) {
        this.add(n, entries);
      }
    }
    this.settled();
  }

  /** Whether there is anything to move. */
  get waiting(): boolean {
    return this.#moving !== undefined || this.#commits > 0;
  }

  /** What each of the names may stand for. The caller compares with what is there: a hash may be shared. */
  find(account: number, names: readonly string[]): (readonly LookupValue[])[] {
    const young = this.#young.get(account);
    const moving = this.#moving?.entries.get(account);
    const found = names.map((name) => {
      const value = young?.get(name) ?? moving?.get(name);
      return value === undefined ? NONE : [value];
    });
    const missing = names.filter((_, i) => found[i] === NONE);
    if (missing.length === 0) return found;
    const hashes = missing.map((name) => hashName(this.#seeds, name));
    const rows = this.#db.arrays(FIND[hashes.length] ?? findSql(hashes.length)).all(account, ...hashes);
    for (const [hash, value] of rows as unknown as [number, LookupValue][]) {
      const at = names.indexOf(missing[hashes.indexOf(hash)]!);
      found[at] = [...found[at]!, value];
    }
    return found;
  }

  /** Of one commit. Counts from now on; `reverted` takes back all since `settled`. */
  add(account: number, entries: readonly Entry[]): void {
    let known = this.#young.get(account);
    if (!known) {
      known = new Map();
      this.#young.set(account, known);
    }
    for (const [name, value] of entries) {
      this.#undo.push([account, name, known.get(name)]);
      known.set(name, value);
    }
    this.#commits++;
  }

  /** Within an open transaction: moves entries into the table, at most so many. `seq` is the last group written. Tells whether there are more. */
  move(most: number, seq: number, all = false): boolean {
    if (!this.#moving && (all ? this.#commits > 0 : this.#commits >= MOST_YOUNG)) this.#begin(seq);
    const moving = this.#moving;
    if (!moving) return false;
    let { next, rows, at } = moving;
    const add = this.#db.statement('INSERT OR IGNORE INTO lookups (account, hash, value) VALUES (?, ?, ?)');
    for (let left = most; left > 0; left--) {
      while (at === rows.length) {
        if (next === moving.accounts.length) {
          setMeta(this.#db, 'folded', moving.upTo);
          this.#moved = { next, rows, at, done: true };
          return false;
        }
        rows = this.#sorted(moving.entries.get(moving.accounts[next++]!)!);
        at = 0;
      }
      const [hash, value] = rows[at++]!;
      add.run(moving.accounts[next - 1]!, hash, value);
    }
    this.#moved = { next, rows, at, done: false };
    return true;
  }

  /** After COMMIT. */
  settled(): void {
    this.#undo = [];
    const [moving, moved] = [this.#moving, this.#moved];
    this.#moved = undefined;
    if (!moving || !moved) return;
    const { done, ...place } = moved;
    Object.assign(moving, place);
    if (done) this.#moving = undefined;
  }

  /** After ROLLBACK. */
  reverted(): void {
    this.#moved = undefined;
    for (const [account, name, before] of this.#undo.reverse()) {
      if (before === undefined) this.#young.get(account)?.delete(name);
      else this.#young.get(account)?.set(name, before);
    }
    this.#undo = [];
  }

  /** Within an open transaction: takes an entry out of the table. One that has not got there yet is harmless, for whoever finds it compares. */
  drop(account: number, name: string, value: LookupValue): void {
    const remove = this.#db.statement('DELETE FROM lookups WHERE account = ? AND hash = ? AND value = ?');
    remove.run(account, hashName(this.#seeds, name), value);
  }

  #begin(upTo: number): void {
    const accounts = [...this.#young.keys()].sort((a, b) => a - b);
    this.#moving = { entries: this.#young, accounts, upTo, next: 0, rows: [], at: 0 };
    this.#young = new Map();
    this.#commits = 0;
  }

  #sorted(entries: ReadonlyMap<string, LookupValue>): Moving['rows'] {
    return Array.from(entries, ([name, value]) => [hashName(this.#seeds, name), value] as const).sort(
      (a, b) => a[0] - b[0],
    );
  }
}

export type Seeds = readonly [number, number];

/** 53 bits, seeded by a secret of the shard so that nobody can choose texts that share one. */
export function hashName(seeds: Seeds, text: string): number {
  let [a, b] = seeds as [number, number];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x9e3779b1);
    b = Math.imul((b + c) | 0, 0x2c1b3c6d);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  a = Math.imul(a ^ (b >>> 16), 0x297a2d39);
  b = Math.imul(b ^ (a >>> 15), 0x7feb352d);
  a ^= b >>> 14;
  return ((b ^ (a >>> 13)) & 0x1f_ffff) * 0x1_0000_0000 + (a >>> 0);
}

const findSql = (n: number): string =>
  `SELECT hash, value FROM lookups WHERE account = ? AND hash IN (${Array(n).fill('?').join(', ')})`;
const FIND = Array.from({ length: 16 }, (_, n) => findSql(n));

export function meta(db: Database, key: string): string | undefined {
  const row = db.arrays('SELECT value FROM meta WHERE key = ?').get(key) as ArrayRow | undefined;
  return row?.[0] as string | undefined;
}

export function setMeta(db: Database, key: string, value: string | number): void {
  db.statement('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, String(value));
}

function seeds(db: Database): Seeds {
  db.statement("INSERT OR IGNORE INTO meta (key, value) VALUES ('seed', ?)").run(randomBytes(8).toString('hex'));
  return readSeeds(db)!;
}

/** `undefined` before the shard's first writer. */
export function readSeeds(db: Database): Seeds | undefined {
  const text = meta(db, 'seed');
  if (text === undefined) return undefined;
  const seed = Buffer.from(text, 'hex');
  return [seed.readInt32LE(0), seed.readInt32LE(4)];
}
