/**
 * Keeps the write-ahead log small. When it has grown, a thread beside the writer moves most of it into the database; what
 * was written meanwhile the writer moves itself, which is little, so that the log begins anew with the next group.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Log } from '#runtime/ambient.ts';
import { armedFaults } from '#runtime/fault-points.ts';
import type { CheckpointThreadData } from './checkpoint-thread.ts';
import type { Database } from './database.ts';

const PAGE = 4_096;
const BEGIN_BYTES = 16 * 1024 * 1024;
/** A disk that can't follow: the writer waits for the rest rather than let the log grow without end. */
const WAIT_BYTES = 192 * 1024 * 1024;
const ALARM_BYTES = 512 * 1024 * 1024;
/** The size is looked at after so many octets of commits. */
const LOOK_AFTER = 1024 * 1024;

export class Checkpointer {
  readonly #db: Database;
  readonly #log: Log;
  readonly #port: MessagePort;
  #busy = false;
  #written = 0;

  constructor(db: Database, log: Log) {
    this.#db = db;
    this.#log = log;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: CheckpointThreadData = { path: db.path, port: port2, faults: armedFaults() };
    const worker = new Worker(new URL('./checkpoint-thread.ts', import.meta.url), {
      workerData,
      transferList: [port2],
    });
    worker.on('error', (error) => log.error({ err: error }, 'the checkpoint thread failed; the writer does it alone'));
    worker.unref();
    port1.on('message', (message) => this.#done(message));
    port1.unref();
  }

  /** Called between groups. */
  wrote(bytes: number): void {
    const answer = this.#busy ? receiveMessageOnPort(this.#port) : undefined;
    if (answer) this.#done(answer.message);
    this.#written += bytes;
    if (this.#written < LOOK_AFTER) return;
    this.#written = 0;
    // Not the size of the file, which stays when the log begins anew in it.
    const size = this.#db.checkpoint('NOOP').log * PAGE;
    if (size < BEGIN_BYTES) return;
    if (size > WAIT_BYTES) {
      this.#db.checkpoint('PASSIVE');
      // Every reader ends within one call, so that a log which can't begin anew for long means that a reader hangs.
      if (size > ALARM_BYTES)
        this.#log.warn({ path: this.#db.path, bytes: size }, 'the write-ahead log does not shrink');
    } else if (!this.#busy) {
      this.#busy = true;
      this.#port.postMessage('checkpoint');
    }
  }

  close(): void {
    this.#port.postMessage('close');
    this.#db.checkpoint('TRUNCATE');
  }

  #done(failure: unknown): void {
    this.#busy = false;
    if (failure !== null) this.#log.error({ failure }, 'a checkpoint failed');
    this.#db.checkpoint('PASSIVE');
  }
}
