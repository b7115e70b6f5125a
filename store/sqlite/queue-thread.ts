/** The thread that writes the queue: takes what has come in as one group, answers it, looks again. Started by queue-writer.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { armFaults } from '#runtime/fault-points.ts';
import { type QueueAnswer, QueueGroups, type QueueJob } from './queue-group.ts';

export interface QueueThreadData {
  /** The data folder. */
  readonly data: string;
  readonly faults: string;
}

export interface QueueRequest {
  readonly number: number;
  readonly now: number;
  readonly job: QueueJob;
}

export type QueueReport = readonly { readonly number: number; readonly answer: QueueAnswer }[] | 'open';

/** Longer groups would keep the first of them waiting for the last. */
const MOST = 200;

const port = parentPort!;
const { data, faults } = workerData as QueueThreadData;
armFaults(faults);
const groups = new QueueGroups(data);
let requests: QueueRequest[] = [];
port.on('message', (request: QueueRequest | 'close') => {
  if (request === 'close') {
    while (requests.length > 0) work();
    groups.close();
    port.close();
    return;
  }
  if (requests.push(request) === 1) setImmediate(work);
});
port.postMessage('open' satisfies QueueReport);

function work(): void {
  const group = requests.slice(0, MOST);
  requests = requests.slice(MOST);
  if (group.length === 0) return;
  const answers = groups.run(
    group.map(({ job }) => job),
    group.at(-1)!.now,
  );
  port.postMessage(group.map(({ number }, i) => ({ number, answer: answers[i]! })) satisfies QueueReport);
  if (requests.length > 0) setImmediate(work);
}
