/** `npm run check`: all gates in one go; each runs even when one before it failed, so that one look shows everything. */
import { spawnSync } from 'node:child_process';

const gates: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '--noEmit'],
  ['types of the pages', 'tsc', '--noEmit', '--project', 'web'],
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['lint with types', 'oxlint', '--type-aware', '--deny-warnings'],
  ['dead code', 'knip'],
  ...(process.argv.includes('--no-tests') ? [] : ([['architecture and tests', 'npm', 'test', '--silent']] as const)),
];

const failed: string[] = [];
for (const [name, command, ...args] of gates) {
  const started = performance.now();
  process.stdout.write(`== ${name}\n`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`== ${name}: ${status === 0 ? 'ok' : 'FAILED'} (${seconds} s)\n`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stderr.write(`failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
