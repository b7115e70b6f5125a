import { type OpenStore, storeContract } from '#test/contract/store.ts';
import { storeModel } from '#test/contract/store-model.ts';
import { MemoryStore } from './store.ts';

const open: OpenStore = async (options) => {
  const store = new MemoryStore(options);
  return { store, collect: async () => store.collect(), close: () => store.close() };
};

storeContract('memory', open);
storeModel('memory', open, { runs: 150 });
