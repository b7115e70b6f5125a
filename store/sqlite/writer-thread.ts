/**
 * The one thread that writes to a shard. It takes whatever jobs are waiting and runs them as a group; while it is in one,
 * the next gathers in its port. Nobody waits for a timer. Between groups it checkpoints, and collects while it has nothing else to do.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { armFaults, faultPoint } from '#runtime/fault-points.ts';
import { systemRandom } from '#runtime/system.ts';
import type { Notice } from '../change.ts';
import { newId } from '../ids.ts';
import type { Retention } from '../retention.ts';
import { Checkpointer } from './checkpointer.ts';
import { type CollectState, SLICES } from './collect.ts';
import { type Database, openDatabase } from './database.ts';
import { type GroupJob, GroupRunner } from './group.ts';
import { unpackJob } from './job.ts';
import { type NoticeText, packAnswers, packNotices } from './notices.ts';
import { PackMaker } from './packs/make.ts';
import { SCHEMA, UNRELEASED } from './schema.ts';
import { dropSegments, dropStrays, type SparseSegment, sparseSegment } from './segments.ts';
import { type LogLine, threadLog } from './thread-log.ts';

export interface WriterThreadData {
  readonly path: string;
  readonly segments: string;
  readonly retention: Retention;
  readonly faults: string;
}

export type ToWriter =
  /** `bytes` holds one serialised job after the other; `ends` says where each ends. */
  | { readonly type: 'jobs'; readonly now: number; readonly ends: readonly number[]; readonly bytes: Uint8Array }
  | { readonly type: 'collect'; readonly now: number }
  | { readonly type: 'replay'; readonly id: number; readonly after: number; readonly limit: number }
  | { readonly type: 'sparse'; readonly skip: readonly string[] }
  | { readonly type: 'close' };

export type FromWriter =
  | { readonly type: 'ready'; readonly epoch: string; readonly seq: number }
  /** In the order in which the jobs were sent. */
  | {
      readonly type: 'answers';
      /** `packAnswers`. */
      readonly answers: string;
      readonly seq: number;
      readonly notices: NoticeText;
    }
  /** `seq` is that of the last group given; `lost` when groups behind `after` are gone. */
  | {
      readonly type: 'replay';
      readonly id: number;
      readonly seq: number;
      readonly notices: NoticeText;
      readonly lost: boolean;
    }
  | { readonly type: 'collected' }
  | { readonly type: 'sparse'; readonly segment: SparseSegment | undefined }
  | { readonly type: 'log'; readonly line: LogLine };

/** SQLite looks through its whole cache at the end of almost every group (a split page leaves a mark there): a large one costs more than it saves. */
const CACHE_KB = 8_192;
const MOST_JOBS = 256;
/** What a slice of packing may write. */
const PACK_BYTES = 512 * 1024;
const MOST_BYTES = 8 * 1024 * 1024;
/** What a slice of collecting writes at most, about. */
const SLICE_BYTES = 512 * 1024;

const port = parentPort!;
const data = workerData as WriterThreadData;
armFaults(data.faults);
const post = (message: FromWriter): void => port.postMessage(message);
const log = threadLog((line) => post({ type: 'log', line }));

interface Waiting {
  readonly bytes: Uint8Array;
}

class WriterThread {
  readonly #db: Database;
  readonly #runner: GroupRunner;
  readonly #checkpointer: Checkpointer;
  readonly #packs: PackMaker;
  readonly #epoch: string;
  readonly #waiting: Waiting[] = [];
  #now = 0;
  #collecting: { state: CollectState; slice: number } | undefined;
  #closing = false;

  constructor() {
    mkdirSync(dirname(data.path), { recursive: true });
    this.#db = openDatabase(data.path, {
      migrations: SCHEMA,
      unreleased: UNRELEASED,
      autoCheckpoint: 0,
      cacheKb: CACHE_KB,
      shrinks: true,
    });
    this.#runner = new GroupRunner(this.#db, { random: systemRandom, now: () => this.#now, log });
    this.#checkpointer = new Checkpointer(this.#db, log);
    this.#packs = new PackMaker(this.#db, data.segments, log);
    this.#epoch = epochOf(this.#db);
    post({ type: 'ready', epoch: this.#epoch, seq: this.#runner.seq });
  }

  /** Takes a message, and all that wait behind it, and works until nothing is left. */
  receive(message: ToWriter): void {
    this.#take(message);
    do {
      this.#takeAll();
      if (this.#waiting.length > 0) this.#group();
      else if (this.#collecting) this.#collect();
      this.#takeAll();
    } while (this.#waiting.length > 0 || (this.#collecting && !this.#closing));
    if (this.#closing) this.#close();
  }

  #takeAll(): void {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) this.#take(next.message);
  }

  #take(message: ToWriter): void {
    if (message.type === 'jobs') {
      this.#now = message.now;
      let start = 0;
      for (const end of message.ends) {
        this.#waiting.push({ bytes: message.bytes.subarray(start, end) });
        start = end;
      }
    } else if (message.type === 'collect') {
      this.#now = message.now;
      this.#collecting ??= { state: { account: 0, lookups: this.#runner.lookups }, slice: 0 };
    } else if (message.type === 'replay') this.#replay(message);
    else if (message.type === 'sparse') this.#sparse(message.skip);
    else this.#closing = true;
  }

  #group(): void {
    const jobs: GroupJob[] = [];
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (jobs.length >= MOST_JOBS || (jobs.length > 0 && bytes + waiting.bytes.length > MOST_BYTES)) break;
      jobs.push(unpack(waiting.bytes));
      bytes += waiting.bytes.length;
    }
    const { answers, taken, seq, notices } = this.#runner.run(jobs);
    this.#waiting.splice(0, taken);
    post({ type: 'answers', answers: packAnswers(answers), seq, notices: packNotices(notices) });
    this.#checkpointer.wrote(bytes);
  }

  #collect(): void {
    const collecting = this.#collecting!;
    try {
      faultPoint('store:collecting');
      if (this.#runner.tidy()) return;
      const slice = SLICES[collecting.slice]!;
      const more = this.#runner.transaction(() => slice(this.#db, this.#now, data.retention, collecting.state));
      this.#checkpointer.wrote(SLICE_BYTES);
      if (more) return;
      collecting.slice++;
      if (collecting.slice < SLICES.length) return;
      if (this.#pack()) {
        collecting.slice--;
        return;
      }
      dropSegments(this.#db, data.segments, this.#now, this.#now - data.retention.staged);
      const strays = dropStrays(this.#db, data.segments, Date.now() - data.retention.staged);
      for (const file of strays) log.info({ file }, 'a stray segment is removed');
    } catch (error) {
      log.error({ err: error }, 'collecting failed');
    }
    this.#collecting = undefined;
    post({ type: 'collected' });
  }

  #pack(): boolean {
    const more = this.#runner.transaction(() => this.#packs.slice());
    this.#checkpointer.wrote(PACK_BYTES);
    return more;
  }

  #replay({ id, after, limit }: Extract<ToWriter, { type: 'replay' }>): void {
    const rows = this.#db
      .arrays('SELECT seq, commits FROM groups WHERE seq > ? ORDER BY seq LIMIT ?')
      .all(after, limit) as unknown as [number, string][];
    const first = rows[0]?.[0] ?? this.#runner.seq + 1;
    const notices = packNotices(rows.flatMap(([, commits]) => JSON.parse(commits) as Notice[]));
    const seq = rows.at(-1)?.[0] ?? this.#runner.seq;
    post({ type: 'replay', id, seq, notices, lost: first !== after + 1 });
  }

  #sparse(skip: readonly string[]): void {
    let segment: SparseSegment | undefined;
    try {
      segment = sparseSegment(this.#db, this.#now - data.retention.staged, skip);
    } catch (error) {
      log.error({ err: error }, 'segments can not be looked through');
    }
    post({ type: 'sparse', segment });
  }

  #close(): void {
    this.#packs.close();
    this.#checkpointer.close();
    this.#db.close();
    port.close();
  }
}

function unpack(bytes: Uint8Array): GroupJob {
  try {
    return unpackJob(bytes);
  } catch (error) {
    log.error({ err: error }, 'a commit could not be read');
    return { kind: 'broken' };
  }
}

/** Random, made with the shard: a cursor of another shard's life is known by it. */
function epochOf(db: Database): string {
  db.statement("INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)").run(newId('commit', systemRandom));
  return db.statement("SELECT value FROM meta WHERE key = 'epoch'").get()!.value as string;
}

const thread = new WriterThread();
port.on('message', (message: ToWriter) => thread.receive(message));
