/** SCRAM-SHA-256-PLUS on IMAP: announced and taken where the admin wants it and TLS is there, and nowhere else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { scramClient } from '#mail/sasl/scram-client.ts';
import { settle } from '#test/support/clock.ts';
import type { MemoryConnection } from '#test/support/memory-connection.ts';
import type { Arrival } from '../script.ts';
import { createWorld, PASSWORD } from './world.ts';

async function open(t: TestContext, arrival: Arrival, channelBinding: boolean) {
  const world = await createWorld();
  const { client, ended } = world.connect(arrival, channelBinding);
  t.after(async () => {
    client.destroy();
    await ended;
    await world.close();
  });
  const lines = linesOf(client);
  return { world, client, lines, greeting: await lines() };
}

function linesOf(client: MemoryConnection): () => Promise<string> {
  let text = '';
  return async () => {
    while (!text.includes('\r\n')) {
      const chunk = await client.read();
      assert.ok(chunk, 'the server has closed');
      text += Buffer.from(chunk).toString();
    }
    const [line = ''] = text.split('\r\n', 1);
    text = text.slice(line.length + 2);
    return line;
  };
}

test('announced with TLS and the switch only', async (t) => {
  assert.match((await open(t, 'tls', true)).greeting, /AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN/);
  for (const [arrival, on] of [
    ['tls', false],
    ['loopback', true],
  ] as const) {
    const { client, lines, greeting } = await open(t, arrival, on);
    assert.doesNotMatch(greeting, /PLUS/);
    await client.write('a AUTHENTICATE SCRAM-SHA-256-PLUS\r\n');
    assert.equal(await lines(), 'a NO [CANNOT] Unknown mechanism');
  }
});

test('RFC 9266: a login that is bound to its connection, and none that is bound to another', async (t) => {
  // What the connections of these tests export.
  for (const [octet, expected] of [
    [7, /^a OK /],
    [8, /^a NO \[AUTHENTICATIONFAILED\]/],
  ] as const) {
    const { world, client, lines } = await open(t, 'tls', true);
    const exchange = scramClient({
      username: 'alice@alpha.test',
      password: PASSWORD,
      binding: { type: 'tls-exporter', data: new Uint8Array(32).fill(octet) },
      random: randomBytes,
    });
    const next = async (challenge = ''): Promise<string> => {
      const step = await exchange.next(Buffer.from(challenge, 'base64'));
      return Buffer.from(step.value ?? []).toString('base64');
    };
    await client.write(`a AUTHENTICATE SCRAM-SHA-256-PLUS ${await next()}\r\n`);
    for (const last of [false, true]) {
      const line = await lines();
      assert.match(line, /^\+ /);
      await client.write(`${await next(line.slice(2))}\r\n`);
      if (last || octet !== 7) break;
    }
    // A refusal comes late.
    await settle();
    await world.clock.advance(5_000);
    assert.match(await lines(), expected);
  }
});
