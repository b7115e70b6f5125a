/**
 * A thin module over `node:sqlite`: how every database of ours is opened (durability, cache, schema version), a cache
 * of prepared statements and transactions. Everything is synchronous; keep it on threads that own no sockets.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { MailError } from '#mail/failure.ts';

export type { StatementSync };

/** A row as an array of its columns: about a third cheaper to make than an object. */
export type ArrayRow = SQLOutputValue[];

export interface OpenOptions {
  /**
   * Schema steps: the k-th brings the schema to version k. Append only; a step that was released is never edited.
   * A writer runs the missing ones; a reader refuses a database that is older or newer than the list.
   */
  readonly migrations: readonly string[];
  /** Schema versions up to this were never released, and files of them can't be opened. */
  readonly unreleased?: number;
  readonly readOnly?: boolean;
  /** Page cache of this connection in KiB. */
  readonly cacheKb?: number;
  /** Only counts when the file is created. */
  readonly pageSize?: number;
  /** Free pages can be given back (`PRAGMA incremental_vacuum`). Only counts when the file is created; costs next to nothing. */
  readonly shrinks?: boolean;
  /** Milliseconds that a lock is waited for (blocks the thread). */
  readonly busyTimeout?: number;
  /** Pages in the WAL after which COMMIT checkpoints by itself; 0 when the owner calls `checkpoint`. */
  readonly autoCheckpoint?: number;
}

export interface Database {
  readonly path: string;
  /** The one prepared statement for this text; rows come as objects. */
  statement(sql: string): StatementSync;
  /** As `statement`, but rows come as arrays of columns. */
  arrays(sql: string): StatementSync;
  exec(sql: string): void;
  /** BEGIN IMMEDIATE … COMMIT around synchronous work; rolled back when it throws. Not nested. */
  transaction<T>(work: () => T): T;
  /** One consistent view for several reads. */
  read<T>(work: () => T): T;
  /** Moves the WAL into the database (`NOOP` only looks). Answers frames in the WAL, and how many of them were moved. */
  checkpoint(mode: 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE'): { log: number; moved: number };
  close(): void;
}

/** WAL frames kept on disk after a checkpoint reset the log. */
const JOURNAL_SIZE_LIMIT = 64 * 1024 * 1024;

/**
 * Opens (a writer creates) a database. Throws `MailError('unavailable')` when a reader finds none or one of another schema version.
 * Danger: never open the same file with `node:fs`; closing that descriptor drops SQLite's locks for the whole process.
 */
export function openDatabase(path: string, options: OpenOptions): Database {
  const readOnly = options.readOnly === true;
  if (readOnly && !existsSync(path)) throw new MailError('unavailable', 'the database does not exist yet');
  const db = new DatabaseSync(path, { readOnly, timeout: options.busyTimeout ?? 5_000 });
  try {
    configure(db, options, readOnly);
    if (readOnly) checkVersion(db, path, options.migrations.length);
    else migrate(db, path, options);
  } catch (error) {
    db.close();
    if (error instanceof MailError) throw error;
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return wrap(db, path);
}

function configure(db: DatabaseSync, options: OpenOptions, readOnly: boolean): void {
  // mmap stays off: a page that can't be read would be a SIGBUS instead of an error, and reads were no faster with it.
  db.exec(`PRAGMA cache_size = -${options.cacheKb ?? 8_192}; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY`);
  if (readOnly) {
    db.exec('PRAGMA query_only = ON');
    return;
  }
  if (options.shrinks === true) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
  db.exec(`PRAGMA page_size = ${options.pageSize ?? 4_096}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = ${JOURNAL_SIZE_LIMIT}; PRAGMA wal_autocheckpoint = ${options.autoCheckpoint ?? 1_000};
    PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF`);
}

function userVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version);
}

function checkVersion(db: DatabaseSync, path: string, wanted: number): void {
  const found = userVersion(db);
  if (found === wanted) return;
  throw new MailError('unavailable', 'the database has another schema version', {
    cause: new Error(`${path}: schema ${found}, expected ${wanted}`),
  });
}

function migrate(db: DatabaseSync, path: string, { migrations: steps, unreleased = 0 }: OpenOptions): void {
  const found = userVersion(db);
  if (found > 0 && found <= unreleased)
    throw new Error('made by a development version before the first release; move the data folder away and start anew');
  if (found > steps.length) throw new Error(`${path} was written by a newer version (schema ${found})`);
  if (found === steps.length) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been here between our look and our lock.
    for (let version = userVersion(db); version < steps.length; version++) db.exec(steps[version]!);
    db.exec(`PRAGMA user_version = ${steps.length}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/**
 * A LIMIT that is a bare parameter is looked at by the planner (SQLite 3.51 and later, without SQLITE_DBCONFIG_ENABLE_QPSG, which Node can't set), so that a
 * statement is prepared anew whenever it is bound: 4 µs for the smallest query, 25 for a join. An expression isn't.
 */
const preparedOnce = (sql: string): string => sql.replaceAll(/\bLIMIT (\?\d*)/g, 'LIMIT $1 + 0');

function wrap(db: DatabaseSync, path: string): Database {
  const objects = new Map<string, StatementSync>();
  const arrays = new Map<string, StatementSync>();
  // Prepared once: parsing them costs as much as a small read.
  const begins = { write: db.prepare('BEGIN IMMEDIATE'), read: db.prepare('BEGIN') };
  const commit = db.prepare('COMMIT');
  const within = <T>(begin: StatementSync, work: () => T): T => {
    begin.run();
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  };
  return {
    path,
    statement(sql) {
      let statement = objects.get(sql);
      if (!statement) {
        statement = db.prepare(preparedOnce(sql));
        objects.set(sql, statement);
      }
      return statement;
    },
    arrays(sql) {
      let statement = arrays.get(sql);
      if (!statement) {
        statement = db.prepare(preparedOnce(sql));
        statement.setReturnArrays(true);
        arrays.set(sql, statement);
      }
      return statement;
    },
    exec: (sql) => db.exec(sql),
    transaction: (work) => within(begins.write, work),
    read: (work) => within(begins.read, work),
    checkpoint(mode) {
      const row = db.prepare(`PRAGMA wal_checkpoint(${mode})`).get() ?? {};
      return { log: Number(row.log), moved: Number(row.checkpointed) };
    },
    close() {
      objects.clear();
      arrays.clear();
      db.close();
    },
  };
}
