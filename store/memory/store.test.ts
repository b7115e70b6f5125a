import { storeContract } from '#test/contract/store.ts';
import { MemoryStore } from './store.ts';

storeContract('memory', async (options) => {
  const store = new MemoryStore(options);
  return { store, collect: async () => store.collect(), close: () => store.close() };
});
