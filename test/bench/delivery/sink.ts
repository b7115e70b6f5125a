/** The other end of `sink-process.ts`. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SinkOrder } from './sink-process.ts';

export interface Sink {
  readonly pid: number;
  /** Messages so far. */
  count(): Promise<number>;
  close(): Promise<void>;
}

export async function startSink(order: SinkOrder): Promise<Sink> {
  const child = fork(join(import.meta.dirname, 'sink-process.ts'));
  child.send(order);
  await once(child, 'message');
  return {
    pid: child.pid ?? 0,
    async count() {
      child.send('count');
      const [count] = (await once(child, 'message')) as [number];
      return count;
    },
    async close() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}
