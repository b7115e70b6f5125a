/** Folders whose names survive a power cut. A file that was synced is still lost when the entry that names it, or its folder, was not. */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the entries of a folder durable: what was created, renamed or removed in it before the call. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a folder, for the owner alone, with those above it that lack. */
export async function makeDurableFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  // Its parent is synced even where the folder stood already: whoever made it may have died before this.
  for (let made = path; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (first === undefined || made === first) return;
  }
}
