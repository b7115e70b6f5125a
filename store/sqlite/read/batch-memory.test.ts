/** Memory that is lent for a batch is used again, and never while somebody may look at it. */
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

const COUNT = 400;
const access = { owner: 'alice', viewer: 'alice' };

test('contents that are borrowed are right until the next batch, those that are not for ever', async (t) => {
  const data = temporaryFolder(t);
  const clock = new FakeClock();
  const log = silentLog;
  const writer = await openShardWriter({ data, shard: 0, log, clock, collectEvery: 0 });
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log, clock, writers: () => writer });
  t.after(async () => {
    await store.close();
    await writer.close();
  });
  const messages = Array.from({ length: COUNT }, (_, i) => sketch({ text: `${i}\r\n`.repeat(3_000) }));
  const mutations: Mutation[] = [
    { type: 'create-account', mailboxes: [{ id: 'inbox', name: 'INBOX' }] },
    ...messages.map(({ message }) => ({ type: 'add-message' as const, mailbox: 'inbox', message, flags: [] })),
  ];
  const answer = await store.commit({ owner: 'alice', actor: 'alice', id: newId('commit', random), mutations });
  assert.ok(answer.ok);
  const read = async (borrowed: boolean): Promise<{ kept: Uint8Array[]; memory: Set<ArrayBufferLike> }> => {
    const kept: Uint8Array[] = [];
    const memory = new Set<ArrayBufferLike>();
    for await (const rows of store.messages(access, 'inbox', [[1, COUNT]], { content: true }, { borrowed })) {
      for (const { uid, content = assert.fail('left out') } of rows) {
        assert.ok(messages[uid - 1]!.content.equals(content), `message ${uid}`);
        kept.push(content);
        memory.add(content.buffer);
      }
    }
    return { kept, memory };
  };
  // Readers at once, some of whom lend and some of whom keep.
  const [first, , own] = await Promise.all([read(true), read(true), read(false)]);
  assert.equal(first.kept.length, COUNT);
  const lent = await read(true);
  assert.ok(own.kept.every((content, i) => messages[i]!.content.equals(content)));
  // What went to a thread and came back is another ArrayBuffer; the old one is empty.
  assert.ok(
    [...lent.memory].some((memory) => memory.byteLength === 0),
    'no memory was used again',
  );
});
