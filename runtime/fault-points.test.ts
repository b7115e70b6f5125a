import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { armedFaults, armFaults, FAULT_POINTS, faultPoint } from './fault-points.ts';

const module = new URL('./fault-points.ts', import.meta.url).href;

/** Arms a plan in a process of its own and passes `mta:received` three times. */
function passThrice(plan: string): { signal: string | null; stdout: string; stderr: string } {
  const code = `import { armFaults, faultPoint } from ${JSON.stringify(module)};
    armFaults(${JSON.stringify(plan)});
    for (let n = 1; n <= 3; n++) { faultPoint('mta:received'); console.log(n); }`;
  const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  return { signal, stdout, stderr };
}

test('the nth passage of an armed point kills the process, and says which it was', () => {
  const { signal, stdout, stderr } = passThrice('queue:relayed:after:1,mta:received:2');
  assert.equal(signal, 'SIGKILL');
  assert.equal(stdout, '1\n');
  assert.match(stderr, /^fault point mta:received in \d+$/m);
});

test('what is not armed is passed', () => {
  assert.deepEqual(passThrice('mda:stored:1'), { signal: null, stdout: '1\n2\n3\n', stderr: '' });
});

test('an unknown name is an error that lists the known ones', () => {
  assert.throws(() => armFaults('mta:recieved:1'), /"mta:recieved:1" is not NAME:NTH with one of mta:spooling /);
  assert.throws(() => armFaults('mta:received'), /PEERPOST_FAULT/);
  assert.throws(() => armFaults('mta:received:0'), /PEERPOST_FAULT/);
});

test('nothing is armed without a plan', () => {
  armFaults(undefined);
  assert.equal(armedFaults(), '');
  for (const point of FAULT_POINTS) faultPoint(point);
});
