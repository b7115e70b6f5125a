/** Every script of this folder, as a test of its own name. How they are written: run.ts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runDialog } from './run.ts';

for (const name of readdirSync(import.meta.dirname).filter((each) => each.endsWith('.txt'))) {
  test(name.slice(0, -4).replaceAll('-', ' '), () => runDialog(readFileSync(join(import.meta.dirname, name), 'utf8')));
}
