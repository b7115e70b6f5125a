/**
 * The thread that owns `queue.sqlite`. Whatever waits when it looks becomes one group: a SAVEPOINT each, one COMMIT, one fsync, then all
 * answers. Reads of the group run after it, so they see it.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Database, openDatabase } from './database.ts';
import { isChange, type QueueCall, type ThreadAnswer, type ThreadRequest } from './queue-calls.ts';
import { QUEUE_MIGRATIONS } from './queue-schema.ts';
import { QueueTables } from './queue-tables.ts';

const { file, folder } = workerData as { file: string; folder: string };
const port = parentPort as MessagePort;
const db: Database = openDatabase(file, { migrations: QUEUE_MIGRATIONS });
const tables = new QueueTables(db);
/** Requests in one group at most: a bound on how long the first of them waits. */
const GROUP = 200;

port.on('message', (first: ThreadRequest | 'close') => {
  const group: ThreadRequest[] = [];
  let next: ThreadRequest | 'close' | undefined = first;
  while (next !== undefined && next !== 'close') {
    group.push(next);
    next =
      group.length < GROUP ? (receiveMessageOnPort(port)?.message as ThreadRequest | 'close' | undefined) : undefined;
  }
  for (const answer of runGroup(group)) port.postMessage(answer);
  if (next === 'close') {
    db.close();
    port.close();
  }
});
port.postMessage({ files: [...tables.files()] });

function runGroup(group: readonly ThreadRequest[]): ThreadAnswer[] {
  const changes = group.filter(({ call }) => isChange(call));
  const answers = changes.length === 0 ? [] : commitTogether(changes);
  for (const id of tables.endedFiles.splice(0)) rmSync(join(folder, id), { force: true });
  return [...answers, ...group.filter(({ call }) => !isChange(call)).map((request) => guarded(request))];
}

/** One transaction for all; when it fails as a whole (a full disk), each is tried alone, so that one can't spoil the others. */
function commitTogether(changes: readonly ThreadRequest[]): ThreadAnswer[] {
  try {
    return db.transaction(() => changes.map((request) => savepoint(request)));
  } catch (error) {
    tables.endedFiles.length = 0;
    if (changes.length === 1) return [failure(changes[0] as ThreadRequest, error)];
    return changes.flatMap((request) => commitTogether([request]));
  }
}

function savepoint(request: ThreadRequest): ThreadAnswer {
  const ended = tables.endedFiles.length;
  db.exec('SAVEPOINT one');
  try {
    const value = perform(request.call);
    db.exec('RELEASE one');
    return { number: request.number, value };
  } catch (error) {
    db.exec('ROLLBACK TO one; RELEASE one');
    tables.endedFiles.length = ended;
    return failure(request, error);
  }
}

function guarded(request: ThreadRequest): ThreadAnswer {
  try {
    return { number: request.number, value: db.read(() => perform(request.call)) };
  } catch (error) {
    return failure(request, error);
  }
}

function failure({ number }: ThreadRequest, error: unknown): ThreadAnswer {
  return { number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function perform(call: QueueCall): unknown {
  switch (call.do) {
    case 'enqueue':
      return tables.enqueue(call.entry);
    case 'settle':
      return tables.settle(call.id, call.outcomes, call.reports, Date.now());
    case 'act':
      return tables.act(call.action, call.ids, call.now);
    case 'due':
      return tables.due(call.now, call.limit, new Set(call.except));
    case 'nextDue':
      return tables.nextDue();
    case 'get':
      return tables.get(call.id);
    case 'list':
      return tables.list(call.limit, call.after);
    case 'content':
      return tables.content(call.id);
    case 'counts':
      return tables.counts();
  }
}
