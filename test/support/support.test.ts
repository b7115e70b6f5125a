/** The tools of tests are tested where tests rely on their rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionClosed } from '#runtime/connection.ts';
import { FakeClock } from './clock.ts';
import { connectionPair } from './memory-connection.ts';
import { fakeRandom } from './random.ts';

const because = (reason: ConnectionClosed['reason']) => (error: unknown) =>
  error instanceof ConnectionClosed && error.reason === reason;

test('FakeClock runs timers in their order, also those that timers set', async () => {
  const clock = new FakeClock(1000);
  const seen: string[] = [];
  clock.after(20, () => seen.push(`b${clock.now()}`));
  clock.after(10, () => {
    seen.push(`a${clock.now()}`);
    clock.after(5, () => seen.push(`c${clock.now()}`));
  });
  clock.after(15, () => seen.push('never'))();
  await clock.advance(30);
  assert.deepEqual(seen, ['a1010', 'c1015', 'b1020']);
  assert.equal(clock.now(), 1030);
  assert.equal(clock.pending, 0);
});

test('fakeRandom() repeats itself', () => {
  assert.deepEqual(fakeRandom(3).bytes(8), fakeRandom(3).bytes(8));
  assert.notDeepEqual(fakeRandom(3).bytes(8), fakeRandom(4).bytes(8));
});

test('an in-memory connection carries bytes, groups and ends', async () => {
  const { server, client } = connectionPair();
  client.cork();
  await client.write('one ');
  await client.write('two');
  client.uncork();
  assert.equal(server.buffered, 7);
  assert.equal(String(await server.read()), 'one two');
  await client.end();
  assert.equal(await server.read(), null);
  await server.write('late');
  assert.equal(String(await client.read()), 'late');
  await assert.rejects(client.write('x'), because('closed'));
});

test('an in-memory connection keeps deadlines, drains, and discards what came before TLS', async () => {
  const clock = new FakeClock();
  const { server, client } = connectionPair({ clock, remote: { address: '127.0.0.1', port: 1 } });
  assert.equal(server.loopback, true);
  server.deadline(100);
  const late = assert.rejects(server.read(), because('deadline'));
  await clock.advance(100);
  await late;
  server.deadline(undefined);
  await client.write('STARTTLS\r\nINJECTED\r\n');
  await server.startTls(1000);
  assert.equal(server.buffered, 0);
  assert.equal(client.tls?.protocol, 'TLSv1.3');
  server.drain();
  await assert.rejects(server.read(), because('draining'));
  await client.write('more');
  assert.equal(String(await server.read()), 'more');
  client.destroy();
  await assert.rejects(server.read(), because('closed'));
});

test('writing to an in-memory connection waits while the other end does not read', async () => {
  const { server, client } = connectionPair();
  let written = false;
  const writing = client.write(Buffer.alloc(100_000)).then(() => {
    written = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(written, false);
  assert.equal((await server.read())?.length, 100_000);
  await writing;
});
