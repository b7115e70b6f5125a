/** Somebody who has nothing to do with it and sends a message again and again, in a thread of its own, so that only the server can make it wait. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { TestPeer } from '#test/support/system.ts';

export interface Waits {
  /** Milliseconds that messages took, from connecting to the last 250, since the last question. */
  readonly worst: number;
  readonly median: number;
  readonly count: number;
}

export interface Bystander {
  /** Answers once a message that began after the question is through. */
  waits(): Promise<Waits>;
  /** Ends it; answers how many messages got their 250. */
  stop(): Promise<number>;
}

export interface BystanderOrder {
  readonly host: string;
  readonly port: number;
  readonly to: string;
}

export function bystander(peer: TestPeer, to: string): Bystander {
  const workerData: BystanderOrder = { host: peer.host, port: peer.port(25), to };
  const worker = new Worker(new URL('./bystander.worker.ts', import.meta.url), { workerData });
  const failed = new Promise<never>((_, reject) => worker.once('error', reject));
  failed.catch(() => undefined);
  const ask = async (question: 'waits' | 'stop'): Promise<unknown> => {
    const answer = once(worker, 'message');
    worker.postMessage(question);
    const [value] = (await Promise.race([answer, failed])) as [unknown];
    return value;
  };
  return {
    waits: async () => (await ask('waits')) as Waits,
    stop: async () => (await ask('stop')) as number,
  };
}
