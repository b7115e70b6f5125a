import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { imapWorld } from '#test/support/imap-session.ts';
import type { ImapListenerSettings } from './listener.ts';
import { rehearse } from './rehearsal.ts';

async function stage(t: TestContext) {
  const world = await imapWorld();
  t.after(() => world.close());
  const folder = await mkdtemp(join(tmpdir(), 'rehearsal-'));
  t.after(() => rm(folder, { recursive: true }));
  const { services, access, clock } = world;
  const settings: ImapListenerSettings = {
    services,
    connectionsPerAddress: 1,
    channelBinding: false,
    exemptNetworks: [],
  };
  const path = join(folder, 'x.sock');
  const rooms = { coordination: new LocalCoordination(clock) };
  const play = (name: string, at = path): Promise<readonly string[]> =>
    rehearse(rooms, settings, { access, name, path: at });
  return { world, folder, path, rooms, play };
}

test('a rehearsal is answered OK throughout, commits nothing, and takes no odd name for a command', async (t) => {
  const { world, folder, rooms, play } = await stage(t);
  const client = await world.connect();
  const name = '$\' "x" \\ y';
  await client.ask(`CREATE ${JSON.stringify(name)}`);
  await client.ask(`APPEND ${JSON.stringify(name)} {12+}\r\nA: b\r\n\r\ntext`);
  const before = await world.store.accountState(world.access);
  const list = await world.store.mailboxes(world.access);
  const glances = t.mock.method(world.services.store, 'glance');
  const searches = t.mock.method(world.services.store, 'search');
  assert.deepEqual(await play(name), []);
  assert.ok(glances.mock.callCount() > 0, 'large mailboxes were not played');
  assert.equal(searches.mock.callCount(), 0, 'flags are searched in memory');
  assert.deepEqual(await world.store.accountState(world.access), before);
  assert.deepEqual(await world.store.mailboxes(world.access), list);
  assert.deepEqual(await readdir(folder), []);
  assert.deepEqual(await rooms.coordination.sessions(), []);
});

test('what goes wrong in a rehearsal is said', async (t) => {
  const { play, folder } = await stage(t);
  assert.ok((await play('nowhere')).some((line) => /^rehearsal NO .*No such mailbox/.test(line)));
  assert.match(String(await play('INBOX', join(folder, 'none', 'x.sock'))), /ENOENT|EACCES/);
});
