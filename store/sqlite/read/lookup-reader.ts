/**
 * Finds messages by their ids as the writer does (lookups.ts), from outside: what has moved into the table `lookups` is there; what has not is
 * said by the rows of `groups` behind the last that was moved, which are followed here as they come. What is found is a hint: whoever asks
 * compares with the message's row.
 */
import type { MessageId } from '../../types.ts';
import type { Database } from '../database.ts';
import type { Done } from '../groups.ts';
import { hashName, meta, readSeeds, type Seeds } from '../lookups.ts';

/** Entries that are dropped together, once the table has them all. */
const CHUNK = 4_096;
const GROUPS_A_READ = 64;

interface Chunk {
  /** The last group in it. */
  last: number;
  /** Account and message id → key of the message. */
  readonly entries: Map<string, number>;
}

const BEHIND = 'SELECT seq, commits FROM groups WHERE seq > ? ORDER BY seq LIMIT ?';

export class LookupReader {
  readonly #db: Database;
  readonly #chunks: Chunk[] = [];
  #seeds: Seeds | undefined;
  /** Groups up to this one are in the table or in `#chunks`. */
  #seen = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Keys that the table has for each id. */
  moved(account: number, ids: readonly MessageId[]): number[][] {
    this.#seeds ??= readSeeds(this.#db);
    if (this.#seeds === undefined) return ids.map(() => []);
    const find = this.#db.arrays('SELECT value FROM lookups WHERE account = ? AND hash = ?');
    const seeds = this.#seeds;
    return ids.map((id) => (find.all(account, hashName(seeds, `m${id}`)) as unknown as [number][]).map(([k]) => k));
  }

  /**
   * Follows the groups, in the read transaction in which `recent` is asked.
   * @param most octets of groups that may be read, about. Answers false when there are more: what is not found may yet be there.
   */
  follow(most: number): boolean {
    const folded = Number(meta(this.#db, 'folded') ?? 0);
    while (this.#chunks.length > 0 && this.#chunks[0]!.last <= folded) this.#chunks.shift();
    this.#seen = Math.max(this.#seen, folded);
    const behind = this.#db.arrays(BEHIND);
    for (let left = most; left > 0; ) {
      const rows = behind.all(this.#seen, GROUPS_A_READ) as unknown as [number, string][];
      for (const [seq, commits] of rows) {
        this.#take(seq, JSON.parse(commits) as Done[]);
        left -= commits.length;
      }
      if (rows.length < GROUPS_A_READ) return true;
    }
    return false;
  }

  /** The key that a group told of, once `follow` has come to its end. */
  recent(account: number, id: MessageId): number | undefined {
    const name = `${account} ${id}`;
    for (const { entries } of this.#chunks) {
      const k = entries.get(name);
      if (k !== undefined) return k;
    }
    return undefined;
  }

  #take(seq: number, commits: readonly Done[]): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.entries.size >= CHUNK) {
      chunk = { last: seq, entries: new Map() };
      this.#chunks.push(chunk);
    }
    chunk.last = seq;
    for (const { n, entries } of commits) {
      for (const [name, value] of entries)
        if (name.startsWith('m')) chunk.entries.set(`${n} ${name.slice(1)}`, value as number);
    }
    this.#seen = seq;
  }
}
