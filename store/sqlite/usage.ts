/** What the shards' files hold, for people: read from the files, whoever writes them. */
import { existsSync } from 'node:fs';
import type { ShardUsage, UnreadableShard } from '../usage.ts';
import { openDatabase } from './database.ts';
import { shardFile } from './paths.ts';
import { SCHEMA } from './schema.ts';

const SEGMENTS = 'SELECT count(*), coalesce(sum(bytes - dead), 0), coalesce(sum(dead), 0) FROM segments';

/** Shards that nothing was written to yet are left out. */
export function shardUsage(data: string, shards: number): (ShardUsage | UnreadableShard)[] {
  const numbers = Array.from({ length: shards }, (_, shard) => shard);
  return numbers.filter((shard) => existsSync(shardFile(data, shard))).map((shard) => usageOf(data, shard));
}

function usageOf(data: string, shard: number): ShardUsage | UnreadableShard {
  try {
    const db = openDatabase(shardFile(data, shard), { migrations: SCHEMA, readOnly: true });
    try {
      const one = (sql: string): number => (db.arrays(sql).get() as unknown as [number])[0];
      const page = one('PRAGMA page_size');
      const [files, live, dead] = db.arrays(SEGMENTS).get() as unknown as [number, number, number];
      const database = { bytes: page * one('PRAGMA page_count'), free: page * one('PRAGMA freelist_count') };
      return { shard, database, segments: { files, live, dead } };
    } finally {
      db.close();
    }
  } catch (error) {
    return { shard, error: error instanceof Error ? error.message : String(error) };
  }
}
