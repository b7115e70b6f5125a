import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { freePort } from '#test/support/ports.ts';

const ENTRY = join(import.meta.dirname, 'toy-run.ts');

interface Run {
  readonly child: ChildProcess;
  readonly port: number;
  readonly file: string;
  stdout: string;
  stderr: string;
  logged(pattern: RegExp): Promise<void>;
}

async function run(t: TestContext): Promise<Run> {
  const port = await freePort();
  const file = join(temporaryFolder(t), 'peerpost.toml');
  writeFileSync(file, configText('one.test', port));
  const child = spawn(process.execPath, [ENTRY, file], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const started: Run = {
    child,
    port,
    file,
    stdout: '',
    stderr: '',
    async logged(pattern) {
      while (!pattern.test(started.stderr)) await once(child.stderr as NonNullable<typeof child.stderr>, 'data');
    },
  };
  child.stderr?.on('data', (data) => {
    started.stderr += String(data);
  });
  const ready = once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  child.stdout?.on('data', (data) => {
    started.stdout += String(data);
  });
  await ready;
  return started;
}

function configText(hostname: string, port: number): string {
  return `hostname = "${hostname}"\n[listeners]\nsmtp = "127.0.0.1:${port}"\n[log]\nformat = "json"\n`;
}

async function greeting(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  const [data] = await once(socket, 'data');
  socket.destroy();
  return String(data);
}

test('standard output carries one line, ready; SIGTERM ends it cleanly', async (t) => {
  const { child, port, ...rest } = await run(t);
  assert.match(await greeting(port), /one\.test/);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.equal(rest.stdout, 'ready\n');
});

test('SIGHUP reloads the configuration, and a bad one changes nothing', async (t) => {
  const running = await run(t);
  writeFileSync(running.file, configText('two.test', running.port));
  running.child.kill('SIGHUP');
  await running.logged(/"reloaded"/);
  while (!/two\.test/.test(await greeting(running.port)));
  writeFileSync(running.file, 'hostname = 5');
  running.child.kill('SIGHUP');
  await running.logged(/reload failed.*|expected a domain name/);
  assert.match(await greeting(running.port), /two\.test/);
  running.child.kill('SIGINT');
  assert.deepEqual(await once(running.child, 'exit'), [0, null]);
});

test('children end when their supervisor is killed', async (t) => {
  const running = await run(t);
  await greeting(running.port);
  running.child.kill('SIGKILL');
  // The program holds standard error open until it ends.
  await once(running.child, 'close', { signal: AbortSignal.timeout(8_000) });
  assert.match(running.stderr, /the supervisor is gone/);
});
