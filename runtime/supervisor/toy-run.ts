/** `peerpost run` with the toy program, for the tests of signals. The argument is a configuration file. */
import { join } from 'node:path';
import { loadConfig } from '#config/load.ts';
import { runSupervisor } from './run.ts';

const file = process.argv[2] ?? '';
await runSupervisor({
  config: await loadConfig(file),
  programs: [{ name: 'mta', entry: join(import.meta.dirname, 'toy-program.ts') }],
  version: '0',
  loadConfig: () => loadConfig(file),
});
