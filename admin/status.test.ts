import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryQueue } from '#store/memory/queue.ts';
import { FakeClock } from '#test/support/clock.ts';
import { restartPrograms, showStatus, supervisorOf } from './status.ts';

const running = {
  version: '1',
  programs: [{ name: 'mta', pid: 1, since: '2026-01-01T00:00:00Z', state: 'ready', connections: 0, serves: [] }],
  supervisor: { pid: 2, since: '2026-01-01T00:00:00Z' },
  sessions: {},
  listeners: [],
  disk: { free: 1, total: 2 },
  troubles: [],
} as const;

test('the state of a peer is what its supervisor, its queue and its shards say', async () => {
  const clock = new FakeClock();
  const supervisor = { status: async () => running, restart: async () => [] };
  const status = await showStatus({ supervisor, queue: new MemoryQueue({ clock }), usage: () => [] });
  assert.deepEqual(status, {
    ...running,
    store: { shards: [] },
    queue: { messages: 0, recipients: 0, oldest: null },
  });
});

test('a restart stands in the audit log, and one of an unknown program is refused', async () => {
  const directory = createMemoryDirectory({ clock: new FakeClock() });
  const supervisor = { status: async () => running, restart: async () => [{ name: 'mta', pid: 3, replaced: 1 }] };
  const rooms = { directory, supervisor };
  await assert.rejects(restartPrograms(rooms, 'mda', { actor: 'cli' }), { failure: 'not-found' });
  assert.deepEqual(await restartPrograms(rooms, 'mta', { actor: 'cli' }), {
    restarted: [{ name: 'mta', pid: 3, replaced: 1 }],
  });
  const lines = await directory.audit({ limit: 10 });
  assert.deepEqual(
    lines.map(({ actor, act, target }) => [actor, act, target]),
    [['cli', 'restart', 'mta']],
  );
});

test('where nothing runs, that is said', async () => {
  await assert.rejects(supervisorOf('/nowhere').status(), { failure: 'unavailable' });
});
