/**
 * Deals the inner sockets that only one worker may serve (shards, directory, queue) out among the workers of a program, so that each has its share.
 * It is about shares alone: who may write is decided by the lease.
 */
import type { ListenerName } from '../service.ts';

/** A worker that can serve, at its place among those of its program. */
export interface Candidate {
  readonly place: number;
}

/** Everything of the worker at its own place while there is one; that of a missing one is dealt out among the others. */
export function dealOut<W extends Candidate>(
  listeners: readonly ListenerName[],
  size: number,
  candidates: readonly W[],
): Map<W, ListenerName[]> {
  const sorted = candidates.toSorted((a, b) => a.place - b.place);
  const dealt = new Map<W, ListenerName[]>(sorted.map((worker) => [worker, []]));
  for (const listener of listeners) {
    const home = numberOf(listener);
    const worker = sorted.find(({ place }) => place === home % size) ?? sorted[home % sorted.length];
    if (worker !== undefined) dealt.get(worker)?.push(listener);
  }
  return dealt;
}

/** `store-7` is 7; `directory` and `queue` are 0. */
function numberOf(listener: ListenerName): number {
  const digits = /-(\d+)$/.exec(listener)?.[1];
  return digits === undefined ? 0 : Number(digits);
}
