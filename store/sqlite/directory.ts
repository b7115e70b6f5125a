/**
 * The directory in SQLite: one writer under a lease, in an MDA worker or in a command without a running system; everybody reads the
 * file. Where mail goes and who a token or an id stands for is remembered until the file changes (`turn-cache.ts`).
 */
import { MailError } from '#mail/failure.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import type { RpcClient, RpcHandlers } from '#runtime/rpc/rpc.ts';
import type { DkimKey, SenderLists } from '../account-rules.ts';
import { CredentialUses } from '../credential-uses.ts';
import type { Account, By, CredentialUse, Directory, DirectoryChange, Token } from '../directory.ts';
import { type CountedLogin, keepLogin } from '../directory-logins.ts';
import { lookup } from '../directory-lookup.ts';
import { directoryReads } from '../directory-reads.ts';
import { applyChange } from '../directory-rules.ts';
import { LoginNotes } from '../login-notes.ts';
import { TurnCache } from '../turn-cache.ts';
import type { AccountId } from '../types.ts';
import { type Database, openDatabase } from './database.ts';
import { DIRECTORY_MIGRATIONS, directoryFile, directoryLease, SqliteDirectoryRows } from './directory-rows.ts';
import { leaseHolder, takeLease, tryLease, type WriteLease } from './lease.ts';

export interface DirectoryOptions {
  /** The data folder. */
  readonly data: string;
  readonly clock: { now(): number };
}

export interface DirectoryWriterOptions extends DirectoryOptions {
  /** Waits for the lease until this aborts; without it, a lease that another holds is `unavailable` at once. */
  readonly signal?: AbortSignal;
}

export interface DirectoryWriter extends Directory {
  /** Notes that another process has counted. */
  addLogin(login: CountedLogin): void;
}

/** The `Directory` of whoever may write. `close` gives the lease up. */
export async function openDirectoryWriter(options: DirectoryWriterOptions): Promise<DirectoryWriter> {
  const lease = await lend(options);
  let db: Database;
  try {
    db = openDatabase(directoryFile(options.data), { migrations: DIRECTORY_MIGRATIONS });
  } catch (error) {
    lease.release();
    throw error;
  }
  const rows = new SqliteDirectoryRows(db);
  const now = () => options.clock.now();
  const changes = new ChangeGroups(db, (change, by) => applyChange(rows, change, now(), by));
  const uses = new CredentialUses((all) => {
    db.transaction(() => {
      for (const use of all) rows.noteUse(use);
    });
  });
  const logins = new LoginNotes((all) => {
    db.transaction(() => {
      for (const login of all) keepLogin(rows, login);
    });
  });
  const reads = directoryReads(() => rows, now);
  return {
    ...reads,
    logins: (query) => {
      // What was noted here shows at once; what others note, once they have told it.
      logins.flush();
      return reads.logins(query);
    },
    change: (change, by) => changes.add(change, by),
    noteUse: (use) => uses.note(use),
    noteLogin: (note) => logins.note(note),
    addLogin: (login) => logins.add(login),
    close: async () => {
      changes.close();
      uses.close();
      logins.close();
      db.close();
      lease.release();
    },
  };
}

async function lend(options: DirectoryWriterOptions): Promise<WriteLease> {
  const name = directoryLease(options.data);
  const now = () => options.clock.now();
  if (options.signal !== undefined) return await takeLease(name, { now, signal: options.signal });
  const lease = tryLease(name, now());
  if (lease !== undefined) return lease;
  const holder = leaseHolder(name);
  throw new MailError('unavailable', `another process (${holder?.pid ?? 'unknown'}) writes the directory`);
}

/** Changes that come together share a sync; each is refused or made by itself. */
class ChangeGroups {
  readonly #db: Database;
  readonly #apply: (change: DirectoryChange, by: By | undefined) => void;
  #jobs: { change: DirectoryChange; by: By | undefined; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #closed = false;

  constructor(db: Database, apply: (change: DirectoryChange, by: By | undefined) => void) {
    this.#db = db;
    this.#apply = apply;
  }

  add(change: DirectoryChange, by: By | undefined): Promise<void> {
    if (this.#closed) return Promise.reject(new MailError('unavailable', 'the directory is closed'));
    return new Promise((resolve, reject) => {
      if (this.#jobs.push({ change, by, resolve, reject }) === 1) setImmediate(() => this.#run());
    });
  }

  /** What still waits is made now. */
  close(): void {
    this.#run();
    this.#closed = true;
  }

  #run(): void {
    const jobs = this.#jobs;
    this.#jobs = [];
    if (jobs.length === 0) return;
    try {
      // A refusal comes before the first write of its change, so that nothing of it needs to be taken back.
      const refusals = this.#db.transaction(() => {
        const answers = jobs.map((job) => this.#refusal(job.change, job.by));
        faultPoint('directory:before-commit');
        return answers;
      });
      faultPoint('directory:committed');
      for (const [i, job] of jobs.entries()) {
        if (refusals[i] === undefined) job.resolve();
        else job.reject(refusals[i]);
      }
    } catch (error) {
      const failed = new MailError('unavailable', 'the directory could not be changed', { cause: error });
      for (const job of jobs) job.reject(failed);
    }
  }

  #refusal(change: DirectoryChange, by: By | undefined): MailError | undefined {
    try {
      this.#apply(change, by);
      return undefined;
    } catch (error) {
      if (error instanceof MailError) return error;
      throw error;
    }
  }
}

/** For the socket `directory`. */
export function serveDirectory(writer: Pick<DirectoryWriter, 'change' | 'noteUse' | 'addLogin'>): RpcHandlers {
  return {
    async call(method, argument) {
      if (method === 'change') await writer.change(argument as DirectoryChange);
      else if (method === 'act') {
        const { change, by } = argument as { change: DirectoryChange; by: By };
        await writer.change(change, by);
      } else if (method === 'note-use') writer.noteUse(argument as CredentialUse);
      else if (method === 'note-logins') for (const login of argument as CountedLogin[]) writer.addLogin(login);
      else throw new MailError('unsupported', 'no such call');
      return null;
    },
  };
}

export interface DirectoryClientOptions extends DirectoryOptions {
  /** Reaches `serveDirectory` of the lease's holder; closed by its owner. */
  readonly rpc: RpcClient;
}

/** The `Directory` of all other processes: reads the file, sends changes. Until the first writer has made the file, reads are `unavailable`. */
export function openDirectory(options: DirectoryClientOptions): Directory {
  let reader: Reader | undefined;
  let closed = false;
  const rows = () => {
    if (closed) throw new MailError('unavailable', 'the directory is closed');
    reader ??= openReader(options.data, () => cache);
    return reader.rows;
  };
  const cache = new TurnCache(() => {
    rows();
    return reader!.version();
  });
  const uses = new CredentialUses((all) => {
    // What is lost here is shown as not used, no more.
    for (const use of all) options.rpc.call('note-use', use).catch(() => undefined);
  });
  const logins = new LoginNotes((all) => {
    // The log misses them, no more.
    options.rpc.call('note-logins', all).catch(() => undefined);
  });
  return {
    ...directoryReads(rows, () => options.clock.now()),
    // No domain has an @, so that no two addresses share a key.
    lookup: async (address) =>
      cache.get(`address ${address.localPart}@${address.domain}`, () => lookup(rows(), address)),
    change: async (change, by) => {
      await (by === undefined ? options.rpc.call('change', change) : options.rpc.call('act', { change, by }));
      cache.changed();
    },
    noteUse: (use) => uses.note(use),
    noteLogin: (note) => logins.note(note),
    close: async () => {
      closed = true;
      uses.close();
      logins.close();
      reader?.db.close();
      reader = undefined;
    },
  };
}

interface Reader {
  readonly db: Database;
  readonly rows: SqliteDirectoryRows;
  /** Another number after each commit of somebody else, and nobody else is who writes. */
  version(): number;
}

class RememberedRows extends SqliteDirectoryRows {
  readonly #cache: () => TurnCache;

  constructor(db: Database, cache: () => TurnCache) {
    super(db);
    this.#cache = cache;
  }

  override accountById(id: AccountId): Account | undefined {
    return this.#cache().get(`account ${id}`, () => super.accountById(id));
  }

  override peerSenders(): SenderLists | undefined {
    return this.#cache().get('peer senders', () => super.peerSenders());
  }

  override dkimKeys(domain?: string): readonly DkimKey[] {
    return this.#cache().get(`keys ${domain ?? ''}`, () => super.dkimKeys(domain));
  }

  override tokenByHash(hash: Uint8Array): Token | undefined {
    return this.#cache().get(`token ${Buffer.from(hash).toString('base64')}`, () => super.tokenByHash(hash));
  }
}

function openReader(data: string, cache: () => TurnCache): Reader {
  const db = openDatabase(directoryFile(data), { migrations: DIRECTORY_MIGRATIONS, readOnly: true, cacheKb: 4_096 });
  const version = (): number => Number(db.statement('PRAGMA data_version').get()?.data_version);
  return { db, rows: new RememberedRows(db, cache), version };
}
