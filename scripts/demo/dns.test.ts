import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { startDns } from './dns.ts';
import { DNS_HOST } from './plan.ts';

test('a taken port is named, with the way out', async (t) => {
  const other = createSocket('udp4');
  other.bind(0, DNS_HOST);
  await once(other, 'listening');
  t.after(() => other.close());
  const { port } = other.address();
  await assert.rejects(startDns([], port - 53), (error: Error) => {
    assert.match(error.message, new RegExp(`:${port} .*taken.*--port-base`));
    return true;
  });
});
