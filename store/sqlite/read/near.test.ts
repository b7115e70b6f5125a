/** Few messages are read on the thread that asks, and no more octets at once than it can spare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, sketch } from '#test/contract/fixtures.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import { newId } from '../../ids.ts';
import type { Mutation } from '../../mutation.ts';
import { openMailStore } from '../store.ts';
import { openShardWriter } from '../writer.ts';
import { isSmall } from './near.ts';

const access = { owner: 'alice', viewer: 'alice' };

test('sixteen contents come in batches of some 128 KB, each once, and the next only when it is wanted', async (t) => {
  const data = temporaryFolder(t);
  const clock = new FakeClock();
  const log = silentLog;
  const writer = await openShardWriter({ data, shard: 0, log, clock, collectEvery: 0 });
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log, clock, writers: () => writer });
  t.after(async () => {
    await store.close();
    await writer.close();
  });
  const messages = Array.from({ length: 16 }, (_, i) => sketch({ text: `${i}`.padEnd(15_000, 'x') }));
  const mutations: Mutation[] = [
    { type: 'create-account', mailboxes: [{ id: 'inbox', name: 'INBOX' }] },
    ...messages.map(({ message }) => ({ type: 'add-message' as const, mailbox: 'inbox', message, flags: [] })),
  ];
  const answer = await store.commit({ owner: 'alice', actor: 'alice', id: newId('commit', random), mutations });
  assert.ok(answer.ok);
  const request = { mailbox: 'inbox', uids: [[1, 16]] as const, columns: { content: true }, expunged: true };
  assert.ok(isSmall(['messages', request]));
  assert.ok(!isSmall(['messages', { ...request, uids: [[1, 17]] }]));

  const batches: number[] = [];
  const contents: Uint8Array[] = [];
  for await (const rows of store.messages(access, 'inbox', [[1, 16]], { content: true }, { expunged: true })) {
    batches.push(rows.length);
    for (const { content } of rows) contents.push(content ?? assert.fail('left out'));
  }
  assert.deepEqual(batches, [9, 7]);
  assert.deepEqual(
    contents.map((content) => Buffer.from(content).toString('latin1')),
    messages.map(({ content }) => content.toString('latin1')),
  );
});
