/** Makes a folder with its parents, for the owner alone, so that it survives a power cut. Node's recursive mkdir never returns where the system answers ENOENT for good, as in /proc. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '#runtime/durable-folder.ts';

export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path, { mode: 0o700 }).catch(async (error: unknown) => {
    // Somebody else may have made it just now.
    if (!(await isFolder(path))) throw error;
  });
  await syncFolder(parent);
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
