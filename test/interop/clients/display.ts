/** An X server in memory (Xvfb) for a program with windows, and pictures of it in `test/interop/artefacts`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { runProgram } from '../programs.ts';

export interface Display {
  /** For the environment of programs that are to show their windows here. */
  readonly name: string;
  /** Saves what is to be seen; answers the path. */
  screenshot(name: string): Promise<string>;
  close(): Promise<void>;
}

const artefacts = resolve(import.meta.dirname, '../artefacts');

export async function startDisplay(): Promise<Display> {
  // It looks for a free number itself, and writes it to descriptor 3 once it is ready.
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1200x900x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const gone = once(child, 'exit');
  const [number] = (await once(child.stdio[3] as Readable, 'data')) as [Buffer];
  const name = `:${number.toString('latin1').trim()}`;
  return {
    name,
    async screenshot(title) {
      await mkdir(artefacts, { recursive: true });
      const file = join(artefacts, `${title}.png`);
      const { code, stderr } = await runProgram('import', ['-display', name, '-window', 'root', file]);
      if (code !== 0) throw new Error(`import: ${stderr}`);
      return file;
    },
    async close() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}
