/**
 * Places where a trial can kill this process as `kill -9` would: one before and one after each step that must be atomic (`test/faults/`).
 * Nothing is armed unless the environment variable PEERPOST_FAULT says so; then a passage costs one comparison with `undefined`.
 */
import { writeSync } from 'node:fs';

/** The transitions of the queue's table (`mta/queue/README.md`): `before` lies in the open transaction, `after` behind its sync. */
const TRANSITIONS = [
  'enqueue',
  'relayed',
  'delivered',
  'failed',
  'deferred',
  'delayed',
  'expired',
  'retry',
  'hold',
  'release',
  'drop',
] as const;
export type QueueTransition = (typeof TRANSITIONS)[number];

const POINTS = [
  // A message on its way through the MTA.
  'mta:spooling',
  'mta:received',
  'mta:handed-over',
  'mta:queued',
  'mta:answering',
  // An entry of the queue in the scheduler's hand.
  'mta:attempting',
  'mta:attempted',
  'mta:reported',
  // The queue's thread.
  'queue:file-taken',
  'queue:discarded',
  // Final delivery.
  'mda:received',
  'mda:stored',
  'mda:passed-on',
  // Large bodies, in whichever process stages them.
  'segment:created',
  'segment:written',
  'segment:synced',
  'segment:sealed',
  'segment:copied',
  'segment:moved',
  // The thread that writes a shard, and its checkpoints.
  'store:begun',
  'store:before-commit',
  'store:committed',
  'store:collecting',
  'store:segment-forgotten',
  'checkpoint:before',
  'checkpoint:after',
  // The directory's writer.
  'directory:before-commit',
  'directory:committed',
  // The gateway's mutations.
  'imap:before-commit',
  'imap:committed',
] as const;

export type FaultPoint = (typeof POINTS)[number] | `queue:${QueueTransition}:${'before' | 'after'}`;

export const FAULT_POINTS: readonly FaultPoint[] = [
  ...POINTS,
  ...TRANSITIONS.flatMap((one) => [`queue:${one}:before`, `queue:${one}:after`] as const),
];

let armed: Map<FaultPoint, number> | undefined;
let text = '';

/**
 * Arms the points of `name:nth`, several separated by commas: the nth passage of any of them kills the process. Throws for an unknown name. Each
 * thread counts for itself, so whoever starts one hands `armedFaults()` on.
 */
export function armFaults(plan: string | undefined): void {
  text = plan ?? '';
  armed = text === '' ? undefined : new Map(text.split(',').map(parse));
}

export const armedFaults = (): string => text;

function parse(one: string): [FaultPoint, number] {
  const [, name, nth] = /^(.+):(\d+)$/.exec(one.trim()) ?? [];
  const point = FAULT_POINTS.find((known) => known === name);
  if (point === undefined || Number(nth) < 1) {
    throw new Error(`PEERPOST_FAULT: ${JSON.stringify(one)} is not NAME:NTH with one of ${FAULT_POINTS.join(' ')}`);
  }
  return [point, Number(nth)];
}

export function faultPoint(point: FaultPoint): void {
  if (armed !== undefined) pass(armed, point);
}

/** For the queue, whose groups pass several transitions at once. */
export function faultPoints(side: 'before' | 'after', transitions: () => Iterable<QueueTransition>): void {
  if (armed === undefined) return;
  for (const one of transitions()) pass(armed, `queue:${one}:${side}`);
}

function pass(counts: Map<FaultPoint, number>, point: FaultPoint): void {
  const left = counts.get(point);
  if (left === undefined) return;
  counts.set(point, left - 1);
  if (left > 1) return;
  writeSync(2, `fault point ${point} in ${process.pid}\n`);
  process.kill(process.pid, 'SIGKILL');
}
