/**
 * What a disk holds while a journal is played to it, and what may be left of that when the power goes: what was synced stays; of the rest, data may be
 * there whole, torn at sectors of 512 octets, or not at all, and names as far as a journalling file system had come. A name counts as synced only
 * with its folder.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { JournalRecord } from './journal.ts';

const SECTOR = 512;

type Change = { readonly at: number; readonly data: Buffer } | { readonly size: number };

class Content {
  bytes = Buffer.alloc(0);
  pending: { readonly order: number; readonly change: Change }[] = [];

  sync(until: number): void {
    for (const { order, change } of this.pending) if (order <= until) this.bytes = changed(this.bytes, change);
    this.pending = this.pending.filter(({ order }) => order > until);
  }
}

/** Grows by doubling would be wasted here: files are a few megabytes. */
function changed(bytes: Buffer, change: Change): Buffer<ArrayBuffer> {
  const size = 'size' in change ? change.size : Math.max(bytes.length, change.at + change.data.length);
  const result = size === bytes.length ? (bytes as Buffer<ArrayBuffer>) : resized(bytes, size);
  if ('data' in change) change.data.copy(result, change.at);
  return result;
}

function resized(bytes: Buffer, size: number): Buffer<ArrayBuffer> {
  const result = Buffer.alloc(size);
  bytes.copy(result, 0, 0, Math.min(size, bytes.length));
  return result;
}

/** A name set or taken away; a rename does both at once. */
interface Naming {
  readonly order: number;
  readonly set: readonly (readonly [path: string, content: Content | 'folder' | undefined])[];
}

/**
 * How much is left of what was not synced: nothing; some of it at random; all, as when only the process dies; or names alone, the content behind
 * them being lost.
 */
export type Mode = 'synced' | 'torn' | 'all' | 'names';

export class Disk {
  readonly #root: string;
  /** As the running processes see it. */
  readonly #now = new Map<string, Content | 'folder'>();
  readonly #durable = new Map<string, Content | 'folder'>();
  #namings: Naming[] = [];
  readonly #files = new Map<number, Content>();
  readonly #syncs = new Map<bigint, number>();
  #order = 0;

  /** What stands below the root now is durable. */
  constructor(root: string) {
    this.#root = root;
    this.#load(root);
  }

  play(record: JournalRecord): void {
    this.#order++;
    if (record.kind === 'open') this.#open(record.path, record.file, record.cut);
    else if (record.kind === 'write') this.#change(record.file, { at: record.at, data: record.data });
    else if (record.kind === 'truncate') this.#change(record.file, { size: record.size });
    else if (record.kind === 'sync-began') this.#syncs.set(record.token, this.#order);
    else if (record.kind === 'sync-ended') {
      this.#sync(record.file, record.folder, this.#syncs.get(record.token) ?? 0);
    } else if (record.kind === 'rename') {
      const node = this.#now.get(record.path);
      this.#name([
        [record.path, undefined],
        [record.to, node],
      ]);
    } else if (record.kind === 'remove') this.#name([[record.path, undefined]]);
    else if (record.kind === 'mkdir') this.#name([[record.path, 'folder']]);
  }

  /** Writes what is left into an empty folder. */
  materialize(target: string, mode: Mode, random: () => number): void {
    const names = new Map(this.#durable);
    const kept =
      mode === 'synced'
        ? 0
        : mode === 'torn'
          ? Math.floor(random() * (this.#namings.length + 1))
          : this.#namings.length;
    for (const naming of this.#namings.slice(0, kept)) apply(names, naming);
    for (const path of [...names.keys()].sort()) {
      const node = names.get(path)!;
      if (!this.#reachable(names, path)) continue;
      const place = join(target, relative(this.#root, path));
      if (node === 'folder') mkdirSync(place, { recursive: true });
      else writeFileSync(place, left(node, mode, random));
    }
  }

  #reachable(names: ReadonlyMap<string, Content | 'folder'>, path: string): boolean {
    const folder = dirname(path);
    return (
      folder === this.#root ||
      folder.length < this.#root.length ||
      (names.get(folder) === 'folder' && this.#reachable(names, folder))
    );
  }

  #load(folder: string): void {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      let node: Content | 'folder' = 'folder';
      if (entry.isFile()) {
        node = new Content();
        node.bytes = readFileSync(path);
        this.#files.set(statSync(path).ino, node);
      } else if (!entry.isDirectory()) continue;
      this.#now.set(path, node);
      this.#durable.set(path, node);
      if (node === 'folder') this.#load(path);
    }
  }

  #open(path: string, file: number, cut: boolean): void {
    const known = this.#now.get(path);
    if (known === undefined || known === 'folder') {
      const made = new Content();
      // The number of a file that has gone is given to another.
      this.#files.set(file, made);
      this.#name([[path, made]]);
    } else if (cut) known.pending.push({ order: this.#order, change: { size: 0 } });
  }

  #change(file: number, change: Change): void {
    const content = this.#files.get(file);
    if (content === undefined) throw new Error('a file is written that nobody opened');
    content.pending.push({ order: this.#order, change });
  }

  #name(set: Naming['set']): void {
    const naming = { order: this.#order, set };
    apply(this.#now, naming);
    this.#namings.push(naming);
  }

  #sync(file: number, folder: string, until: number): void {
    if (folder === '') {
      this.#files.get(file)?.sync(until);
      return;
    }
    // A rename between two folders stands in both, and is synced with either.
    const synced = this.#namings.filter(
      ({ order, set }) => order <= until && set.some(([path]) => dirname(path) === folder),
    );
    for (const naming of synced) apply(this.#durable, naming);
    // What came before in another folder and concerns the same name is out of date with it.
    const last = new Map(synced.flatMap(({ order, set }) => set.map(([path]) => [path, order] as const)));
    this.#namings = this.#namings
      .filter((naming) => !synced.includes(naming))
      .map(({ order, set }) => ({ order, set: set.filter(([path]) => (last.get(path) ?? 0) < order) }))
      .filter(({ set }) => set.length > 0);
  }
}

function apply(names: Map<string, Content | 'folder'>, { set }: Naming): void {
  for (const [path, node] of set) {
    if (node === undefined) names.delete(path);
    else names.set(path, node);
  }
}

function left(content: Content, mode: Mode, random: () => number): Buffer {
  let bytes = Buffer.from(content.bytes);
  if (mode === 'synced' || mode === 'names') return bytes;
  for (const { change } of content.pending) {
    const dice = mode === 'all' ? 0 : random();
    if (dice < 0.5) bytes = changed(bytes, change);
    else if (dice < 0.75 && 'data' in change) bytes = torn(bytes, change, random);
  }
  return bytes;
}

function torn(bytes: Buffer, { at, data }: { at: number; data: Buffer }, random: () => number): Buffer<ArrayBuffer> {
  let result = Buffer.from(bytes);
  for (let from = at; from < at + data.length; ) {
    const to = Math.min(at + data.length, (Math.floor(from / SECTOR) + 1) * SECTOR);
    if (random() < 0.5) result = changed(result, { at: from, data: data.subarray(from - at, to - at) });
    from = to;
  }
  return result;
}
