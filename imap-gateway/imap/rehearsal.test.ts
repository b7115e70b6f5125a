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
  const glances = t.mock.method(world.services.store, 'glance');
  assert.deepEqual(await rehearse(world.services, { access: world.access, name }), []);
  assert.ok(glances.mock.callCount() > 0, 'large mailboxes were not played');
  assert.deepEqual(await world.store.accountState(world.access), before);
  assert.deepEqual(await world.store.mailboxes(world.access), list);
});

test('what goes wrong in a rehearsal is said', async (t) => {
  const world = await imapWorld();
  t.after(() => world.close());
  const refused = await rehearse(world.services, { access: world.access, name: 'nowhere' });
  assert.ok(refused.some((line) => /^r NO .*No such mailbox/.test(line)));
});
