/** Where everything of the store lies within the data folder (STORE.md §1). */
import { join } from 'node:path';

export const shardFile = (data: string, shard: number): string => join(data, `shard-${shard}.sqlite`);
/** For `lease.ts`, which adds its own endings. */
export const shardLease = (data: string, shard: number): string => join(data, `shard-${shard}`);
export const segmentFolder = (data: string, shard: number): string => join(data, 'segments', `${shard}`);
export const segmentFile = (folder: string, id: string): string => join(folder, `${id}.seg`);
/** The supervisor binds it under the listener name `store-N`. */
export const shardSocket = (folder: string, shard: number): string => join(folder, `store-${shard}.sock`);
