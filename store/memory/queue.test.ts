import { queueContract, spoolFolder } from '#test/contract/queue.ts';
import { MemoryQueue } from './queue.ts';

queueContract('memory', async (options) => {
  const spool = spoolFolder();
  return { queue: new MemoryQueue(options), spool: spool.path, close: async () => spool.remove() };
});
