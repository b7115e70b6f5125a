import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter, mailboxId } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

type Json = { id: string; latest: { subject: string }; messages: number; unread: number };

test('threads are listed by their newest message, each once over all pages', async () => {
  const { alice } = world;
  const write = (id: string, day: number, answers?: string, mailbox = 'INBOX') =>
    deliver(
      world,
      alice,
      letter(id, `Message-ID: <${id}@x>\n${answers === undefined ? '' : `In-Reply-To: <${answers}@x>\n`}`),
      {
        at: `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`,
        mailbox,
      },
    );
  const a1 = await write('a1', 1);
  await write('b1', 2);
  await write('a2', 3, 'a1', 'Sent');
  await write('c1', 4);
  await write('a3', 5, 'a2');
  await write('b2', 6, 'b1', 'Sent');
  const all = async (query: Record<string, string>): Promise<Json[]> => {
    const items: Json[] = [];
    for (let cursor = ''; ; ) {
      const { json, status, text } = await world.ask(alice, 'GET', '/threads', {
        query: { ...query, ...(cursor && { cursor }) },
      });
      assert.equal(status, 200, text);
      items.push(...json.items);
      if (json.next === undefined) return items;
      cursor = json.next;
    }
  };
  for (const limit of ['1', '2', '50']) {
    const short = (items: Json[]) => items.map(({ latest, messages }) => `${latest.subject}:${messages}`);
    assert.deepEqual(short(await all({ limit })), ['b2:2', 'a3:3', 'c1:1'], limit);
    assert.deepEqual(short(await all({ limit, mailbox: a1.mailbox })), ['a3:3', 'c1:1', 'b1:2']);
    assert.deepEqual(short(await all({ limit, q: 'subject:1' })), ['c1:1', 'b1:2', 'a1:3']);
  }
  await change(world, alice, {
    type: 'set-flags',
    mailbox: a1.mailbox,
    uids: [[a1.uid, a1.uid]],
    change: 'add',
    flags: ['\\Seen'],
  });
  const [, a] = await all({});
  assert.deepEqual([a!.id, a!.unread], [a1.thread, 2]);

  const whole = await world.ask(alice, 'GET', `/threads/${a1.thread}`);
  assert.deepEqual(
    whole.json.messages.map(({ subject }: { subject: string }) => subject),
    ['a1', 'a2', 'a3'],
  );
  assert.equal(whole.json.updatedAt, '2026-01-05T00:00:00.000Z');
  const headers = { 'if-none-match': String(whole.headers.etag) };
  assert.equal((await world.ask(alice, 'GET', `/threads/${a1.thread}`, { headers })).status, 304);
  const trash = await mailboxId(world, alice, 'Trash');
  await change(world, alice, { type: 'move', from: a1.mailbox, uids: [[a1.uid, a1.uid]], to: trash });
  assert.equal((await world.ask(alice, 'GET', `/threads/${a1.thread}`, { headers })).status, 200);
  assert.equal((await world.ask(world.bob, 'GET', `/threads/${a1.thread}`)).status, 404);
});
