/** Secrets that can be found again: random letters that stand nowhere else, and every form that they leave in when somebody writes them down. */
import { randomInt } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const LETTERS = 'bcdfghjkmnpqrstvwxz';

export class Markers {
  readonly #made = new Map<string, string>();

  /** @param what is named where it is found. */
  make(what: string): string {
    const text = Array.from({ length: 24 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
    this.#made.set(text, what);
    return text;
  }

  /** A secret that the peer made. */
  add(text: string, what: string): void {
    this.#made.set(text, what);
  }

  get size(): number {
    return this.#made.size;
  }

  /** What stands in `text`, and in which form. */
  in(text: string): string[] {
    return [...this.#made].flatMap(([secret, what]) =>
      [...formsOf(secret)].flatMap(([form, written]) => (text.includes(written) ? [`${what} (${form})`] : [])),
    );
  }

  /** Of all files below a folder: `path: what`. */
  async inFiles(folder: string, skip: (path: string, what: string) => boolean = () => false): Promise<string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    const found: string[] = [];
    for (const path of files) {
      const text = await readFile(path, 'latin1').catch((error: NodeJS.ErrnoException) => {
        // It came and went.
        if (error.code !== 'ENOENT') throw error;
        return '';
      });
      found.push(...this.in(text).flatMap((what) => (skip(path, what) ? [] : [`${path}: ${what}`])));
    }
    return found;
  }
}

/** Long enough that none is there by chance. */
function formsOf(secret: string): Map<string, string> {
  const bytes = Buffer.from(secret);
  const forms = new Map([
    ['as it is', secret],
    ['hexadecimal', bytes.toString('hex')],
    ['reversed in case', secret.toUpperCase()],
    ['as numbers', [...bytes.subarray(0, 12)].join(',')],
    ['UTF-16', secret.split('').join('\0')],
  ]);
  // Base64 has three forms of the same octets, by what stands before them; first and last characters depend on the neighbours.
  for (let before = 0; before < 3; before += 1) {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    forms.set(`base64 behind ${before}`, text.slice(before === 0 ? 0 : before + 1, -2));
  }
  return forms;
}
