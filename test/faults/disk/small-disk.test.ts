/**
 * A real small disk: a tmpfs that fills to its last octet and is freed again, and one that comes up read-only. The trials stand in `small-disk.testkit.ts`, for they
 * run in a mount namespace of their own, which takes all mounts along when it ends.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

/** As root, or as the root of a user namespace of one's own. */
const WAYS = [
  ['unshare', '--mount'],
  ['unshare', '--map-root-user', '--mount'],
];
const PROBE = ['sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt'];

test('a disk that is too small', { timeout: 600_000 }, async (t) => {
  const way = WAYS.find(([program = '', ...rest]) => spawnSync(program, [...rest, ...PROBE]).status === 0);
  if (way === undefined)
    return t.skip('needs root, or user namespaces that may mount: sysctl kernel.unprivileged_userns_clone=1');
  const [program = '', ...rest] = way;
  const file = new URL('small-disk.testkit.ts', import.meta.url).pathname;
  // Without the context it is a run of its own, which prints what a person reads.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(program, [...rest, process.execPath, '--test', '--test-reporter=spec', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  for (const line of said.split('\n'))
    if (/^(✔|✖|ℹ (?!tests|suites|pass|fail|cancelled|skipped|todo|duration))/u.test(line)) t.diagnostic(line.trim());
  assert.equal(code, 0, said);
  assert.match(said, /^ℹ pass [1-9]/m);
});
