import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, sketch } from '#test/contract/fixtures.ts';
import { newId } from '../ids.ts';
import { MemoryStore } from './store.ts';

test('a delivered message is in INBOX, octet for octet', async () => {
  const store = new MemoryStore({ clock: { now: () => 0 }, random });
  const owner = newId('account', random);
  const access = { owner, viewer: owner };
  const inbox = newId('mailbox', random);
  const { message, content } = sketch({ prefix: 'Return-Path: <>\r\n' });
  const answer = await store.commit({
    owner,
    actor: owner,
    id: 'first',
    mutations: [
      { type: 'create-account', mailboxes: [{ id: inbox, name: 'INBOX' }] },
      { type: 'add-message', mailbox: inbox, message, flags: ['\\seen', 'Later'] },
    ],
  });
  assert.ok(answer.ok);
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.content(access, inbox, 1, 0, Infinity)) chunks.push(chunk);
  assert.deepEqual(Buffer.concat(chunks), content);
  assert.deepEqual(await store.search(access, inbox, { key: 'text', text: 'some TEXT' }), [[1, 1]]);
  assert.deepEqual(await store.search(access, inbox, { key: 'flag', flag: '\\SEEN' }), [[1, 1]]);
});
