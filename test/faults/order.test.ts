/**
 * The order of write, fsync and answer, as strace sees it for single deliveries: nobody is told 250 before the disk has been told to keep it.
 * `power-*.test.ts` check what follows from it; here it can be read.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '#test/support/folder.ts';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { SmtpWire } from '#test/support/wire.ts';

const CALLS = 'write,writev,sendmsg,sendto,pwrite64,fsync,fdatasync,rename';
const cli = new URL('../../scripts/cli/main.ts', import.meta.url).pathname;

interface Call {
  /** The whole line, with the paths of descriptors. */
  readonly text: string;
  /** Lines of the trace in which it began and ended. */
  readonly began: number;
  readonly ended: number;
}

/** A call that another thread's interrupts stands in two lines, `unfinished` and `resumed`. */
function parse(trace: string): Call[] {
  const open = new Map<string, { text: string; began: number }>();
  const calls: Call[] = [];
  for (const [i, line] of trace.split('\n').entries()) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const begun = open.get(thread);
    if (rest.endsWith('<unfinished ...>')) open.set(thread, { text: rest.replace(' <unfinished ...>', ''), began: i });
    else if (resumed === undefined) calls.push({ text: rest, began: i, ended: i });
    else if (begun !== undefined) calls.push({ text: begun.text + resumed, began: begun.began, ended: i });
  }
  return calls;
}

/** Each step's first match behind the end of the step before. Throws when one is missing there. */
function inOrder(calls: readonly Call[], steps: readonly (readonly [name: string, pattern: RegExp])[]): string[] {
  let after = -1;
  return steps.map(([name, pattern]) => {
    const found = calls.find(({ text, began }) => began > after && pattern.test(text));
    assert.ok(found, `${name} does not come where it should:\n${calls.map(({ text }) => text).join('\n')}`);
    after = found.ended;
    return name;
  });
}

const SMTP = (text: string): RegExp =>
  new RegExp(`^(write|writev|sendmsg|sendto)\\(\\d+<TCP[^>]*>.*"250 2\\.\\d\\.\\d ${text}`);
const LMTP = /^(write|writev|sendmsg|sendto)\(\d+<UNIX[^>]*>.*"250 2\.1\.5 /;
const synced = (path: string): RegExp => new RegExp(`^f(data)?sync\\(\\d+<[^>]*${path}>\\).*= 0`);
const written = (path: string): RegExp => new RegExp(`^p?write(64|v)?\\(\\d+<[^>]*${path}>`);
const WAL = 'shard-\\d+\\.sqlite-wal';
const QUEUE_WAL = 'queue\\.sqlite-wal';
const SEGMENT = 'segments/\\d+/\\w+\\.seg';

test('what is answered was synced before', { timeout: 240_000 }, async (t) => {
  if (spawnSync('strace', ['-V']).status !== 0) return t.skip('needs strace: apt-get install strace');
  const peer = await prepareTestPeer({
    domain: 'alpha.test',
    users: ['ann'],
    routes: { 'far.test': 'smtp://127.0.0.1:9' },
  });
  t.after(() => peer.close());
  const trace = await startTraced(t, peer);

  const small = await trace.of((wire) => wire.data('ann@alpha.test', 'ann@alpha.test', message(2_000)));
  tell(
    t,
    'a small message',
    inOrder(small, [
      ['the row is written', written(WAL)],
      ['the log is synced', synced(WAL)],
      ['LMTP 250', LMTP],
      ['SMTP 250', SMTP('Delivered')],
    ]),
  );
  const large = await trace.of((wire) => wire.data('ann@alpha.test', 'ann@alpha.test', message(400_000)));
  tell(
    t,
    'a large message',
    inOrder(large, [
      ['the segment is written', written(SEGMENT)],
      ['the segment is synced', synced(SEGMENT)],
      ['the row is written', written(WAL)],
      ['the log is synced', synced(WAL)],
      ['LMTP 250', LMTP],
      ['SMTP 250', SMTP('Delivered')],
    ]),
  );
  inOrder(large, [
    ['the folder of the segment is synced', synced('segments/\\d+')],
    ['LMTP 250', LMTP],
  ]);
  const queued = await trace.of((wire) => wire.data('ann@alpha.test', 'b@far.test', message(2_000)));
  tell(
    t,
    'a message for elsewhere',
    inOrder(queued, [
      ['the entry is written', written(QUEUE_WAL)],
      ['the log is synced', synced(QUEUE_WAL)],
      ['SMTP 250', SMTP('Queued')],
    ]),
  );
  const spooled = await trace.of((wire) => wire.data('ann@alpha.test', 'b@far.test', message(400_000)));
  tell(
    t,
    'a large message for elsewhere',
    inOrder(spooled, [
      ['the spool file is written', written('spool/[\\w-]+')],
      ['the spool file is synced', synced('spool/[\\w-]+')],
      ['it is renamed', /^rename\(.*\/spool\/.*\/queue\//],
      ['the folder is synced', synced('/queue')],
      ['the entry is written', written(QUEUE_WAL)],
      ['the log is synced', synced(QUEUE_WAL)],
      ['SMTP 250', SMTP('Queued')],
    ]),
  );
});

const message = (size: number): Buffer =>
  Buffer.from(`Subject: order\r\n\r\n${'a line of text\r\n'.repeat(size / 16)}`);
const tell = (t: TestContext, what: string, steps: readonly string[]): void =>
  t.diagnostic(`${what}: ${steps.join(' → ')}`);

interface Trace {
  /** What the peer did while a client talked to it; the client is logged in as `ann`. */
  of(talk: (wire: SmtpWire) => Promise<{ code: number; text: string }>): Promise<Call[]>;
}

async function startTraced(t: TestContext, peer: TestPeer): Promise<Trace> {
  const file = join(temporaryFolder(t), 'trace');
  const strace = ['-f', '--seccomp-bpf', '-yy', '-s', '48', '-e', `trace=${CALLS}`, '-o', file];
  const child = spawn('strace', [...strace, process.execPath, cli, 'run', '--config', peer.config], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  t.after(() => stop(child));
  await once(createInterface({ input: child.stdout! }), 'line');
  const wire = await SmtpWire.open(peer.host, peer.port(587));
  t.after(() => wire.destroy());
  const plain = Buffer.from(`\0ann@alpha.test\0${peer.password}`).toString('base64');
  assert.equal((await wire.ask(`AUTH PLAIN ${plain}\r\n`)).code, 235);
  return {
    async of(talk) {
      const before = readFileSync(file).length;
      const { code, text } = await talk(wire);
      assert.equal(code, 250, text);
      // The answer may be here before strace has written down that it left.
      for (let look = 0; look < 500; look++) {
        const calls = parse(readFileSync(file).subarray(before).toString('latin1'));
        if (calls.some((call) => /^(write|send)/.test(call.text) && call.text.includes(text.slice(0, 24))))
          return calls;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return assert.fail(`strace has not seen ${text} leave`);
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  // strace itself doesn't hand a signal on; it ends with what it traces.
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1');
  for (const pid of children.split(' ').filter(Boolean)) process.kill(Number(pid), 'SIGTERM');
  await exited;
}
