import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sketch } from '#test/contract/fixtures.ts';
import { type Job, packJob, unpackJob } from './job.ts';
import { packMessage } from './pack.ts';
import type { PackedMutation } from './work.ts';

const buffers = (job: Job): unknown => JSON.parse(JSON.stringify(job, (_, value) => value));

test('a job comes out as it went in', () => {
  const inline = packMessage(sketch({ subject: 'Grüße', prefix: 'X: ä\r\n' }).message);
  const { data: _, ...body } = inline.body as { data: Uint8Array } & typeof inline.body;
  const mutations: PackedMutation[] = [
    { type: 'create-mailbox', id: 'm', name: 'Gelöschte \u{1f600}\ud800', role: 'trash' },
    { type: 'add-message', mailbox: 'm', message: inline, flags: ['\\Seen'] },
    { type: 'set-flags', mailbox: 'm', uids: [[1, 4_294_967_295]], change: 'add', flags: [], unchangedSince: 2 ** 52 },
    { type: 'enqueue-outbox', id: 'o', kind: 'vacation', payload: Buffer.from([0, 255, 10]) },
    { type: 'add-message', mailbox: 'm', message: { ...inline, body, prefix: Buffer.alloc(0) }, flags: [] },
    { type: 'set-quota', bytes: null },
  ];
  const jobs: Job[] = [
    { kind: 'commit', commit: { owner: 'ä', actor: 'b', id: 'c d', mutations } },
    { kind: 'commit', commit: { owner: 'a', actor: 'b', id: '', mutations: [] } },
    { kind: 'commit', commit: { owner: 'ä', actor: 'b', id: 'c \u{1f600}', mutations: mutations.slice(1, 2) } },
    { kind: 'commit', commit: { owner: 'a', actor: 'b', id: 'c', mutations: mutations.slice(4, 5) } },
    { kind: 'move', from: 's', moved: [{ n: 1, id: 'b', length: 2, segment: 't', position: 3 }] },
    {
      kind: 'register',
      body: { ...body, segment: 's', position: 2 ** 33, chunks: Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]) },
    },
  ];
  for (const job of jobs) assert.deepEqual(buffers(unpackJob(packJob(job))), buffers(job));
});

test('what is no job is an error, not a commit', () => {
  for (const bytes of [[], [9], [9, 0, 0, 0, 1], [2, 0, 0, 0, 0x7b, 0x7d], [2, 0, 0, 0, 0x5b, 0x5d]]) {
    assert.throws(() => unpackJob(Uint8Array.from(bytes)));
  }
});
