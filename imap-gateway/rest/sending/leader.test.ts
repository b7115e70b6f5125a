import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { type Duty, lead } from './leader.ts';

test('a duty that can not begin tries again, while the other is at work', async () => {
  const clock = new FakeClock();
  const log = recordingLog();
  const stop = new AbortController();
  const told: string[] = [];
  let begun = 0;
  let broken = true;
  const duty = (name: string, begin: () => Promise<void>): Duty => ({
    begin,
    noticed: ({ account }) => void told.push(`${name} ${account}`),
    end: async () => void told.push(`${name} ended`),
  });
  const duties = (): Duty[] => [
    duty('a', async () => {
      begun += 1;
      if (broken) throw new Error('the store can not be read');
    }),
    duty('b', async () => void told.push('b begun')),
  ];
  async function* watch(_cursor: string | undefined, signal: AbortSignal) {
    yield { cursor: '', notices: [{ account: 'alice', modseq: 1, types: ['outbox'] as const }], rescan: false };
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
  const coordination = { acquire: async () => ({ release: () => undefined, lost: stop.signal }) };
  const leading = lead({ store: { watch }, coordination, clock, log, signal: stop.signal, duties });
  await settle();
  assert.deepEqual([told, begun], [['b begun', 'a alice', 'b alice'], 1]);
  await clock.advance(10_000);
  assert.equal(begun, 3);
  broken = false;
  await clock.advance(60_000);
  assert.equal(begun, 4);
  assert.equal(log.entries.filter(({ level }) => level === 'warn').length, 3);
  stop.abort();
  await leading;
  assert.deepEqual(told.slice(3), ['a ended', 'b ended']);
});
