/** Moves the WAL into the database beside the writer, who goes on meanwhile: most of a checkpoint is waiting for the disk. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { armFaults, faultPoint } from '#runtime/fault-points.ts';
import { openDatabase } from './database.ts';
import { SCHEMA } from './schema.ts';

export interface CheckpointThreadData {
  readonly path: string;
  /** Takes any message as the wish for a checkpoint, and answers each with `null` or what went wrong; `close` ends the thread. */
  readonly port: MessagePort;
  readonly faults: string;
}

const { path, port, faults } = workerData as CheckpointThreadData;
armFaults(faults);
const db = openDatabase(path, { migrations: SCHEMA, autoCheckpoint: 0, cacheKb: 256 });

port.on('message', (message: unknown) => {
  if (message === 'close') {
    db.close();
    port.close();
    return;
  }
  try {
    faultPoint('checkpoint:before');
    db.checkpoint('PASSIVE');
    faultPoint('checkpoint:after');
    port.postMessage(null);
  } catch (error) {
    port.postMessage((error as Error).message);
  }
});
