/** The journal of a recorded run: how processes are made to keep one, how a test writes its own words between, and how it is read. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPreload } from '#test/support/preload.ts';

export type JournalRecord =
  | { readonly kind: 'open'; readonly path: string; readonly file: number; readonly cut: boolean }
  | { readonly kind: 'write'; readonly file: number; readonly at: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | {
      readonly kind: 'sync-began' | 'sync-ended';
      readonly file: number;
      readonly token: bigint;
      readonly folder: string;
    }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove' | 'mkdir'; readonly path: string }
  /** What a client was told by then. */
  | { readonly kind: 'mark'; readonly word: unknown };

/** Compiles the library to preload; `undefined` where there is no C compiler or no glibc. */
export function buildLibrary(folder: string): string | undefined {
  return buildPreload(join(import.meta.dirname, 'journal.c'), folder);
}

/** For the environment of the processes that are recorded. */
export const recordingEnv = (library: string, root: string, journal: string): NodeJS.ProcessEnv => ({
  LD_PRELOAD: library,
  PEERPOST_JOURNAL_ROOT: root,
  PEERPOST_JOURNAL: journal,
});

/** Stands in the journal where it was written: whatever comes before it had happened. */
export function mark(journal: string, word: unknown): void {
  const name = Buffer.from(JSON.stringify(word));
  const head = Buffer.alloc(25);
  head.writeUInt32LE(21 + name.length, 0);
  head.write('A', 4, 'latin1');
  head.writeUInt32LE(name.length, 21);
  appendFileSync(journal, Buffer.concat([head, name]));
}

export function readJournal(path: string): JournalRecord[] {
  const bytes = readFileSync(path);
  const records: JournalRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    records.push(parse(bytes.subarray(at + 4, end)));
    at = end;
  }
  return records;
}

function parse(bytes: Buffer): JournalRecord {
  const kind = String.fromCharCode(bytes[0]!);
  const file = Number(bytes.readBigUInt64LE(1));
  const number = bytes.readBigInt64LE(9);
  const data = bytes.subarray(21 + bytes.readUInt32LE(17));
  const path = bytes.toString('utf8', 21, bytes.length - data.length);
  switch (kind) {
    case 'C':
      return { kind: 'open', path, file, cut: number === 1n };
    case 'W':
      return { kind: 'write', file, at: Number(number), data };
    case 'T':
      return { kind: 'truncate', file, size: Number(number) };
    case 'B':
      return { kind: 'sync-began', file, token: number, folder: path };
    case 'E':
      return { kind: 'sync-ended', file, token: number, folder: path };
    case 'R':
      return { kind: 'rename', path, to: data.toString() };
    case 'U':
      return { kind: 'remove', path };
    case 'D':
      return { kind: 'mkdir', path };
    case 'A':
      return { kind: 'mark', word: JSON.parse(path) };
    default:
      throw new Error(`the journal is damaged: ${kind}`);
  }
}
