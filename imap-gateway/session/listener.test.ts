import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Connection } from '#runtime/connection.ts';
import type { SessionInfo } from '#runtime/coordination.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { systemRandom as random } from '#runtime/system.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog as log } from '#test/support/log.ts';
import { type Reception, SessionListener } from './listener.ts';

test('a session is shown a moment after it began, and who it is a moment after that is known', async (t) => {
  const { clock, shown, visit } = ground(t);
  const { reception, leave } = await visit();
  assert.deepEqual(shown(), []);
  await clock.advance(20);
  assert.deepEqual(shown(), [undefined]);
  reception.loggedIn({ account: 'a', address: 'a@b.test' });
  await clock.advance(20);
  assert.deepEqual(shown(), ['a@b.test']);
  await leave();
  assert.deepEqual(shown(), []);
});

test('of a session that is over by then nothing is told', async (t) => {
  const { clock, told, visit } = ground(t);
  const { reception, leave } = await visit();
  reception.loggedIn({ account: 'a', address: 'a@b.test' });
  await leave();
  await clock.advance(1_000);
  assert.equal(told.length, 0);
});

test('who has logged in by then is told once', async (t) => {
  const { clock, told, visit } = ground(t);
  const { reception, leave } = await visit();
  reception.loggedIn({ account: 'a', address: 'a@b.test' });
  await clock.advance(1_000);
  assert.deepEqual(
    told.map(({ login }) => login),
    ['a@b.test'],
  );
  await leave();
});

test('who was suspended before the session was shown is sent away as soon as it is', async (t) => {
  const { clock, visit } = ground(t, async (account) => account !== 'suspended');
  for (const account of ['suspended', 'welcome']) {
    const { reception, connection, leave } = await visit();
    reception.loggedIn({ account, address: `${account}@b.test` });
    await clock.advance(20);
    await settled();
    assert.equal(connection.signal.aborted, account === 'suspended');
    await leave();
  }
});

interface Visit {
  readonly connection: Connection;
  readonly reception: Reception;
  readonly leave: () => Promise<void>;
}

function ground(t: TestContext, mayStay?: (account: string) => Promise<boolean>) {
  const clock = new FakeClock();
  const told: SessionInfo[] = [];
  const open = new Set<SessionInfo>();
  const coordination = new LocalCoordination(clock);
  coordination.session = async (info) => {
    told.push(info);
    open.add(info);
    return { release: () => void open.delete(info) };
  };
  let come: (visit: Pick<Visit, 'connection' | 'reception'> & { over: () => void }) => void = () => undefined;
  const serve = (connection: Connection, _: unknown, reception: Reception): Promise<void> =>
    new Promise((over) => come({ connection, reception, over }));
  const protocol = { clear: 'clear', implicit: 'implicit', noPlace: 'no\r\n', serve } as const;
  const services = { clock, random, log };
  const settings = { services, connectionsPerAddress: 10, channelBinding: false, exemptNetworks: [] };
  const listener = new SessionListener({ coordination, ...(mayStay && { mayStay }) }, protocol, settings);
  const path = join(temporaryFolder(t), 's');
  const visit = async (): Promise<Visit> => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      listener.accept('clear', socket);
    });
    const arrival = new Promise<Parameters<typeof come>[0]>((resolve) => (come = resolve));
    await once(server.listen(path), 'listening');
    const client = connect(path);
    const { connection, reception, over } = await arrival;
    const leave = async (): Promise<void> => {
      over();
      for (const socket of [...sockets, client]) socket.destroy();
      server.close();
      await settled();
    };
    return { connection, reception, leave };
  };
  return { clock, told, visit, shown: () => Array.from(open, ({ login }) => login) };
}

/** What follows the end of a session, or its being shown. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}
