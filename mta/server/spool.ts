/**
 * Spool files: `<data>/spool/<owner>-<id>`, where the owner is the process that writes them. Whoever takes a finished message renames or removes its
 * file; what a dead process left is removed when a new one starts, since nobody was ever told that it was accepted.
 */
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Spool, SpoolFile } from './services.ts';

export interface SpoolOptions {
  readonly folder: string;
  /** The id of this process. */
  readonly owner: number;
  /** Does another process with this id live? */
  readonly isAlive: (owner: number) => boolean;
}

/** Makes the folder and removes what is left over from the dead. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { folder, owner } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    const [, left] = /^(\d+)-[0-9a-z]+$/.exec(name) ?? [];
    if (left === undefined) continue;
    // A file under our own id is of an earlier process that had it.
    if (Number(left) === owner || !options.isAlive(Number(left))) await rm(join(folder, name), { force: true });
  }
  return { create: (id) => createFile(join(folder, `${owner}-${id}`)) };
}

async function createFile(path: string): Promise<SpoolFile> {
  const file = await open(path, 'wx', 0o600);
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await file.close();
  };
  return {
    path,
    close,
    async write(chunk) {
      // A short write is possible when the disk is nearly full.
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
    },
    async remove() {
      await close();
      await rm(path, { force: true });
    },
  };
}
