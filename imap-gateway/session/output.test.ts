import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, TAKEN } from '#runtime/connection.ts';
import { ConnectionOutput } from './output.ts';

function output(write: Connection['write']): ConnectionOutput {
  return new ConnectionOutput({ write } as Connection, () => undefined);
}

test('what the connection has taken at once is not waited for', () => {
  const out = output(() => TAKEN);
  out.write('+OK\r\n');
  out.flush();
  assert.equal(out.full, false);
});

test('what it has not taken yet is', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const out = output(() => promise);
  out.write('+OK\r\n');
  out.flush();
  assert.equal(out.full, true);
  resolve();
  await out.ready();
  assert.equal(out.full, false);
});
