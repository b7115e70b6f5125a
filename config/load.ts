/** Reads the configuration from its file. Only `main.ts` files and scripts call this. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { parseConfig } from './parse.ts';
import { ConfigError } from './problem.ts';

/** Throws `ConfigError`, also when the file can't be read. */
export async function loadConfig(file: string): Promise<Config> {
  const path = resolve(file);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const found = code === 'ENOENT' ? 'no such file' : `a file that cannot be read (${code ?? String(error)})`;
    throw new ConfigError(path, [{ key: '', found, expected: 'a configuration; `peerpost init` writes one' }]);
  }
  return parseConfig(text, { file: path, cores: availableParallelism() });
}
