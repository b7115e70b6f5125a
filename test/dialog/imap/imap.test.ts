/** Every `*.txt` here is a conversation with the gateway; `../script.ts` says how to read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runScript } from '../script.ts';
import { createWorld } from './world.ts';

for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'))) {
  test(file.slice(0, -'.txt'.length), { timeout: 20_000 }, async () => {
    const world = await createWorld();
    try {
      await runScript(readFileSync(join(import.meta.dirname, file), 'utf8'), world);
    } finally {
      await world.close();
    }
  });
}
