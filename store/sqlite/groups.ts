/** Rows of `groups`: what each commit of a group changed and was answered. */
import type { Notice } from '../change.ts';
import type { CommitAnswer, MutationResult } from '../mutation.ts';
import type { ArrayRow, Database } from './database.ts';
import type { Entry } from './lookups.ts';

/** What the shard's commit sequence keeps of a commit: enough to tell watchers, to answer a repeat and to find what it made. */
export interface Done extends Notice {
  /** The account's number. */
  readonly n: number;
  readonly id: string;
  readonly results: readonly MutationResult[];
  /** For `lookups`. */
  readonly entries: readonly Entry[];
}

export function addGroup(db: Database, seq: number, now: number, done: readonly Done[]): void {
  db.statement('INSERT INTO groups (seq, at, commits) VALUES (?, ?, ?)').run(seq, now, JSON.stringify(done));
}

export function readGroup(db: Database, seq: number): readonly Done[] {
  const row = db.arrays('SELECT commits FROM groups WHERE seq = ?').get(seq) as ArrayRow | undefined;
  return row ? JSON.parse(row[0] as string) : [];
}

/** The latest group's row is never collected, so that no number comes back. */
export function lastSeq(db: Database): number {
  const row = db.arrays('SELECT max(seq) FROM groups').get() as ArrayRow | undefined;
  return (row?.[0] as number | null | undefined) ?? 0;
}

export const noticeOf = ({ account, modseq, types }: Notice): Notice => ({ account, modseq, types });

export function answerOf({ modseq, results }: Done): CommitAnswer & { ok: true } {
  return { ok: true, modseq, repeated: true, results };
}
