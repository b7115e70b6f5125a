/** What the writer of a shard counts, and the sizes of its files. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metrics } from '#runtime/metrics/metrics.ts';
import type { JobAnswer } from './group.ts';
import { segmentFolder, shardFile } from './paths.ts';

export interface WriterFigures {
  /** One group has been written; `begun` is when each of its jobs came (`performance.now()`). */
  group(answers: readonly JobAnswer[], begun: readonly number[]): void;
  /** The writer ends: another process says how large things are from now on. */
  end(): void;
}

export function writerFigures(metrics: Metrics, data: string, shardNumber: number): WriterFigures {
  const shard = String(shardNumber);
  const groups = metrics.counter('store_groups_total', { shard });
  const seconds = metrics.histogram('store_commit_seconds', { shard });
  const commits = {
    ok: metrics.counter('store_commits_total', { shard, outcome: 'ok' }),
    refused: metrics.counter('store_commits_total', { shard, outcome: 'refused' }),
    failed: metrics.counter('store_commits_total', { shard, outcome: 'failed' }),
  };
  const writer = metrics.gauge('store_writer', { shard });
  const sizes = [
    metrics.gauge('store_database_bytes', { shard }),
    metrics.gauge('store_wal_bytes', { shard }),
    metrics.gauge('store_segments', { shard }),
    metrics.gauge('store_segment_bytes', { shard }),
  ] as const;
  const [database, log, segments, segmentBytes] = sizes;
  writer.set(1);
  // Names and sizes alone: whoever opened a database file here and closed it would drop SQLite's locks.
  const stop = metrics.beforeLook(async () => {
    const file = shardFile(data, shardNumber);
    database.set(await sizeOf(file));
    log.set(await sizeOf(`${file}-wal`));
    const folder = segmentFolder(data, shardNumber);
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.seg'));
    segments.set(names.length);
    const lengths = await Promise.all(names.map((name) => sizeOf(join(folder, name))));
    segmentBytes.set(lengths.reduce((sum, length) => sum + length, 0));
  });
  return {
    group(answers, begun) {
      groups.add();
      const now = performance.now();
      for (const [i, answer] of answers.entries()) {
        seconds.observe((now - (begun[i] ?? now)) / 1_000);
        if (answer === null) continue;
        commits['error' in answer ? 'failed' : answer.ok ? 'ok' : 'refused'].add();
      }
    },
    end() {
      stop();
      for (const gauge of [writer, ...sizes]) gauge.set(0);
    },
  };
}

/** 0 where there is none. */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    return 0; // it went meanwhile
  }
}
