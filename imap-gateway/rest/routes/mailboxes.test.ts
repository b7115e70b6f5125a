import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter, mailboxId } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

type Json = { id: string; name: string; parentId: string | null };

test('the tree has names, parents, roles and counts', async () => {
  const { alice } = world;
  await deliver(world, alice, letter('a'));
  await deliver(world, alice, letter('b'), { flags: ['\\Seen'] });
  const { uid, mailbox } = await deliver(world, alice, letter('c'));
  await change(world, alice, { type: 'set-flags', mailbox, uids: [[uid, uid]], change: 'add', flags: ['\\Deleted'] });
  const { json } = await world.ask(alice, 'GET', '/mailboxes');
  const names = json.items.map((item: Json) => item.name);
  assert.deepEqual(
    names,
    names.toSorted((a: string, b: string) => (a < b ? -1 : 1)),
  );
  const inbox = json.items.find((item: Json) => item.name === 'INBOX');
  assert.deepEqual([inbox.role, inbox.messages, inbox.unread, inbox.parentId], ['inbox', 2, 1, null]);
  const paged: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await world.ask(alice, 'GET', '/mailboxes', { query: { limit: '2', ...(cursor && { cursor }) } });
    paged.push(...page.json.items.map((item: Json) => item.name));
    if (page.json.next === undefined) break;
    cursor = page.json.next;
  }
  assert.deepEqual(paged, names);
});

test('a mailbox is created with its parents, renamed with its children, and deleted', async () => {
  const { alice } = world;
  const made = await world.ask(alice, 'POST', '/mailboxes', { body: { name: 'Projects/2026/May' } });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.location, `/api/v1/mailboxes/${made.json.id}`);
  assert.equal(made.json.subscribed, true);
  const year = await mailboxId(world, alice, 'Projects/2026');
  assert.equal(made.json.parentId, year);
  const again = await world.ask(alice, 'POST', '/mailboxes', { body: { name: 'Projects/2026/May' } });
  assert.deepEqual([again.status, again.json.code], [409, 'exists']);

  const got = await world.ask(alice, 'GET', `/mailboxes/${year}`);
  const moved = await world.ask(alice, 'PATCH', `/mailboxes/${year}`, {
    body: { name: 'Old/Year', role: 'archive' },
    headers: { 'if-match': String(got.headers.etag) },
  });
  assert.equal(moved.status, 409, 'another one has that role');
  const renamed = await world.ask(alice, 'PATCH', `/mailboxes/${year}`, {
    body: { name: 'Old/Year', role: 'important', subscribed: true },
    headers: { 'if-match': String(got.headers.etag) },
  });
  assert.deepEqual(
    [renamed.status, renamed.json.name, renamed.json.role, renamed.json.subscribed],
    [200, 'Old/Year', 'important', true],
  );
  const child = await world.ask(alice, 'GET', `/mailboxes/${made.json.id}`);
  assert.deepEqual([child.json.name, child.json.subscribed], ['Old/Year/May', true]);
  const stale = await world.ask(alice, 'PATCH', `/mailboxes/${year}`, {
    body: { role: null },
    headers: { 'if-match': String(got.headers.etag) },
  });
  assert.equal(stale.status, 412);

  // Both have read what stood there; one is first.
  const tag = String((await world.ask(alice, 'GET', `/mailboxes/${year}`)).headers.etag);
  const both = await Promise.all(
    ['Old/A', 'Old/B'].map((name) =>
      world.ask(alice, 'PATCH', `/mailboxes/${year}`, { body: { name }, headers: { 'if-match': tag } }),
    ),
  );
  assert.deepEqual(
    both.map(({ status }) => status).sort((a, b) => a - b),
    [200, 412],
  );

  const kept = await world.ask(alice, 'DELETE', `/mailboxes/${year}`);
  assert.deepEqual([kept.status, kept.json.code], [409, 'mailbox-has-children']);
  const gone = await world.ask(alice, 'DELETE', `/mailboxes/${year}`, { query: { children: 'true' } });
  assert.equal(gone.status, 204);
  assert.equal((await world.ask(alice, 'GET', `/mailboxes/${made.json.id}`)).status, 404);
});

test('INBOX stays, and names have rules', async () => {
  const { alice, bob } = world;
  const inbox = await mailboxId(world, alice, 'INBOX');
  assert.equal((await world.ask(alice, 'DELETE', `/mailboxes/${inbox}`)).status, 403);
  assert.equal((await world.ask(alice, 'PATCH', `/mailboxes/${inbox}`, { body: { name: 'Other' } })).status, 403);
  for (const name of ['', 'a//b', '/a', 'a\u0007', 'x'.repeat(1001)]) {
    assert.equal((await world.ask(alice, 'POST', '/mailboxes', { body: { name } })).status, 400, name);
  }
  const sent = await mailboxId(world, alice, 'Sent');
  assert.equal((await world.ask(alice, 'PATCH', `/mailboxes/${sent}`, { body: { name: 'Sent/below' } })).status, 400);
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    const body = method === 'PATCH' ? { body: { subscribed: true } } : {};
    assert.equal((await world.ask(bob, method, `/mailboxes/${sent}`, body)).status, 404);
  }
});
