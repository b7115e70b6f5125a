import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../system.ts';
import { DECLARED, type Declared } from './declared.ts';
import { metricsMarkdown } from './docs.ts';
import { createMetricsEndpoint } from './endpoint.ts';
import { createMetrics } from './metrics.ts';
import { metricsText } from './text.ts';
import { Totals } from './totals.ts';

test('names and labels follow the conventions', () => {
  for (const [name, declared] of Object.entries(DECLARED) as [string, Declared][]) {
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    assert.equal(name.endsWith('_total'), declared.type === 'counter', name);
    assert.equal(declared.buckets !== undefined, declared.type === 'histogram', name);
    for (const label of Object.keys(declared.labels ?? {})) assert.match(label, /^[a-z]+$/);
    assert.match(declared.help, /^[A-Z0-9].*\.$/);
  }
});

test('the text format: counters, labels with odd characters, cumulative buckets', () => {
  const metrics = createMetrics();
  metrics.counter('queue_entries_total').add();
  metrics.counter('queue_entries_total').add(2);
  metrics.gauge('store_wal_bytes', { shard: 'a"b\\c\nd' }).set(7.5);
  const times = metrics.histogram('handover_seconds', { outcome: 'delivered' });
  for (const seconds of [0.001, 0.0011, 100]) times.observe(seconds);
  const text = metricsText(metrics.snapshot());
  assert.match(text, /# TYPE peerpost_queue_entries_total counter\npeerpost_queue_entries_total 3\n/);
  assert.ok(text.includes('peerpost_store_wal_bytes{shard="a\\"b\\\\c\\nd"} 7.5\n'));
  const bucket = (le: string) =>
    new RegExp(`_bucket\\{outcome="delivered",le="${le.replace('+', '\\+')}"\\} (\\d+)\n`).exec(text)?.[1];
  assert.deepEqual([bucket('0.001'), bucket('0.0025'), bucket('30'), bucket('+Inf')], ['1', '2', '2', '3']);
  assert.match(text, /handover_seconds_sum\{outcome="delivered"\} 100\.0021\n.*_count\{outcome="delivered"\} 3\n/s);
});

test('sums over processes keep what ended ones had counted, and forget their gauges', () => {
  const totals = new Totals();
  const first = createMetrics();
  const second = createMetrics();
  for (const metrics of [first, second]) {
    metrics.counter('logins_total', { program: 'mta', result: 'ok' }).add(2);
    metrics.counter('process_cpu_seconds_total', { mode: 'user' }).add(1);
    metrics.gauge('queue_messages').set(5);
    metrics.gauge('process_resident_memory_bytes').set(10);
    metrics.histogram('imap_command_seconds').observe(0.002);
  }
  const origin = (worker: number) => ({ program: 'mta', worker });
  totals.retire(origin(0), first.snapshot());
  const sum = totals.sum([{ origin: origin(1), snapshot: second.snapshot() }]);
  const value = (name: string, labels = '') => sum.find((sample) => sample[0] === name && sample[1] === labels)?.[2];
  assert.equal(value('logins_total', 'program="mta",result="ok"'), 4);
  assert.equal(value('process_cpu_seconds_total', 'program="mta",mode="user"'), 2);
  assert.equal(value('queue_messages'), 5);
  assert.equal(value('process_resident_memory_bytes', 'program="mta",worker="1"'), 10);
  assert.equal(value('process_resident_memory_bytes', 'program="mta",worker="0"'), undefined);
  assert.equal((value('imap_command_seconds') as number[])[1], 2);
});

test('too many values of a label become `other`', () => {
  const metrics = createMetrics();
  for (let i = 0; i < 1_000; i++) metrics.counter('imap_commands_total', { command: `c${i}`, result: 'ok' }).add();
  const samples = metrics.snapshot();
  assert.equal(samples.length, 401);
  assert.equal(samples.find(([, labels]) => labels === 'command="other",result="other"')?.[2], 600);
});

test('what is read elsewhere is refreshed before a look, and one that fails leaves the others', async () => {
  const metrics = createMetrics();
  metrics.beforeLook(() => Promise.reject(new Error('not now')));
  const end = metrics.beforeLook(async () => metrics.gauge('queue_messages').set(3));
  assert.deepEqual(await metrics.look(), [['queue_messages', '', 3]]);
  end();
  metrics.gauge('queue_messages').set(9);
  assert.deepEqual(await metrics.look(), [['queue_messages', '', 9]]);
});

test('GET /metrics, and nothing else', async (t) => {
  let broken = false;
  const endpoint = createMetricsEndpoint(async () => {
    if (broken) throw new Error('no');
    return 'x 1\n';
  }, systemClock);
  const server = createServer({ pauseOnConnect: true }, (socket) => endpoint.accept(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    endpoint.close();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method });
  const found = await get('/metrics?x=1');
  assert.equal(found.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(await found.text(), 'x 1\n');
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/metrics', 'POST')).status, 405);
  broken = true;
  assert.equal((await get('/metrics')).status, 503);
});

test('docs/metrics.md is what the declarations say', () => {
  const file = join(import.meta.dirname, '../../docs/metrics.md');
  assert.equal(readFileSync(file, 'utf8'), metricsMarkdown(), 'run: node runtime/metrics/write-docs.ts');
});
