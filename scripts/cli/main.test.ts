/** The admin command as people meet it: exit codes, one line on standard error, JSON with --json. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const wrapper = new URL('../peerpost', import.meta.url).pathname;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function peerpost(args: readonly string[], input = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [wrapper, ...args], { stdio: 'pipe' });
  child.stdin.end(input);
  const [[code], out, err] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { code: code as number, out, err };
}

const oneLine = /^peerpost: [^\n]+\n$/;

for (const args of [
  [],
  ['domain'],
  ['account'],
  ['alias'],
  ['queue'],
  ['job'],
  ['session'],
  ['audit'],
  ['token', 'add', 'x'],
  ['account', 'admin', 'a@a.test', 'maybe'],
  ['bogus'],
  ['queue', 'show'],
  ['domain', 'add'],
]) {
  test(`wrong use is one line and exit 2: peerpost ${args.join(' ')}`, async () => {
    const { code, out, err } = await peerpost(args);
    assert.deepEqual({ code, out }, { code: 2, out: '' });
    assert.match(err, oneLine);
  });
}

test('wrong use names the help of the command that was meant', async () => {
  assert.match((await peerpost(['token', 'add', 'x'])).err, /see: peerpost token add --help$/m);
  assert.match((await peerpost(['token'])).err, /see: peerpost token --help$/m);
  assert.match((await peerpost(['bogus'])).err, /see: peerpost --help$/m);
});

test('wrong use with --json also says so on standard output', async () => {
  const { code, out, err } = await peerpost(['queue', 'show', '--json']);
  assert.equal(code, 2);
  assert.match(err, oneLine);
  assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'usage');
});

test('help is on standard output, exit 0', async () => {
  const { code, out, err } = await peerpost(['queue', 'retry', '--help']);
  assert.deepEqual({ code, err }, { code: 0, err: '' });
  assert.match(out, /^Usage: peerpost queue retry/);
});

test('a peer is made, filled and listed while nothing runs', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'peerpost-cli-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  const made = await peerpost(['init', '--data', data, '--domain', 'a.test', '--port-base', '20000', '--json']);
  assert.equal(made.code, 0, made.err);
  const again = await peerpost(['init', '--data', data, '--domain', 'a.test', '--json']);
  assert.equal(again.code, 1);
  assert.match(again.err, oneLine);

  const config = ['--config', join(data, 'peerpost.toml'), '--json'];
  const added = await peerpost(['account', 'add', 'bob@a.test', '--password-stdin', ...config], 'secret\n');
  assert.equal(added.code, 0, added.err);
  const twice = await peerpost(['account', 'add', 'bob@a.test', '--password-stdin', ...config], 'secret\n');
  assert.equal(twice.code, 1);
  assert.equal((JSON.parse(twice.out) as { error: { code: string } }).error.code, 'exists');
  const listed = await peerpost(['account', 'list', ...config]);
  const { items } = JSON.parse(listed.out) as { items: { address: string }[] };
  assert.deepEqual(
    items.map((item) => item.address),
    ['bob@a.test'],
  );
  const status = await peerpost(['status', ...config]);
  assert.equal(status.code, 1);
  assert.equal((JSON.parse(status.out) as { error: { code: string } }).error.code, 'not-running');
  const restart = await peerpost(['restart', 'mta', ...config]);
  assert.equal(restart.code, 1);
  assert.equal((JSON.parse(restart.out) as { error: { code: string } }).error.code, 'not-running');
  assert.match(restart.err, oneLine);
  const unknown = await peerpost(['restart', 'web', ...config]);
  assert.equal(unknown.code, 2);
});

test('settings, credentials and what was done, while nothing runs', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'peerpost-cli-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  const config = ['--config', join(data, 'peerpost.toml'), '--json'];
  const answer = async (args: readonly string[], input = ''): Promise<Record<string, unknown>> => {
    const { code, out, err } = await peerpost([...args, ...config], input);
    assert.equal(code, 0, err);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const refusal = async (code: number, ...args: readonly string[]): Promise<void> => {
    const outcome = await peerpost([...args, ...config]);
    assert.deepEqual([outcome.code, oneLine.test(outcome.err)], [code, true], outcome.err);
  };
  await peerpost(['init', '--data', data, '--domain', 'a.test', '--port-base', '20000']);
  await answer(['account', 'add', 'bob@a.test', '--password-stdin'], 'secret\n');
  const { address, quota } = await answer(['account', 'quota', 'bob@a.test', '1MB']);
  assert.deepEqual([address, quota], ['bob@a.test', { used: 0, limit: 1_048_576, messages: 0 }]);
  const token = ['token', 'add', 'backup', '--scope', 'mail:read,send'];
  await refusal(2, ...token);
  await refusal(2, ...token, '--account', 'bob@a.test', '--expires', 'soon');
  await refusal(1, ...token, '--account', 'eve@a.test');
  const made = await answer([...token, '--account', 'bob@a.test', '--expires', '1h', '--network', '::1']);
  assert.match(String(made.token), /^pp_[\w-]{43}$/);
  assert.deepEqual([made.scopes, made.networks, made.account], [['mail:read', 'send'], ['::1'], 'bob@a.test']);
  await refusal(2, 'queue', 'drop', 'id', '--all');
  await refusal(1, 'session', 'list');
  const { items } = await answer(['audit', 'list', '--target', 'bob@a.test']);
  assert.deepEqual(
    (items as { act: string; actor: string }[]).map(({ act, actor }) => `${actor} ${act}`),
    ['cli set-quota', 'cli add-account'],
  );
});
