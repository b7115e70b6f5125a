import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imapWorld } from '#test/support/imap-session.ts';
import { rehearse } from './rehearsal.ts';

test('a rehearsal is answered OK throughout, commits nothing, and takes no odd name for a command', async (t) => {
  const world = await imapWorld();
  t.after(() => world.close());
  const client = await world.connect();
  const name = '$\' "x" \\ y';
  await client.ask(`CREATE ${JSON.stringify(name)}`);
  await client.ask(`APPEND ${JSON.stringify(name)} {12+}\r\nA: b\r\n\r\ntext`);
  const before = await world.store.accountState(world.access);
  const list = await world.store.mailboxes(world.access);
  const { id } = list.mailboxes.find((mailbox) => mailbox.name === name)!;
  assert.deepEqual(await rehearse(world.services, { access: world.access, id, name }), []);
  assert.deepEqual(await world.store.accountState(world.access), before);
  assert.deepEqual(await world.store.mailboxes(world.access), list);
});

test('what goes wrong in a rehearsal is said', async (t) => {
  const world = await imapWorld();
  t.after(() => world.close());
  const id = (await world.store.mailboxes(world.access)).mailboxes[0]!.id;
  const refused = await rehearse(world.services, { access: world.access, id, name: 'nowhere' });
  assert.ok(refused.some((line) => /^r NO .*No such mailbox/.test(line)));
});
