import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scramClient } from '#mail/sasl/scram-client.ts';
import { createWorld, PASSWORD } from '#test/dialog/imap/world.ts';
import { settle } from '#test/support/clock.ts';
import { connectionPair, type MemoryConnection } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import type { Command } from './command.ts';
import { defineCommand, ok } from './command.ts';
import { commandTable } from './commands/table.ts';
import { serveConnection } from './driver.ts';

class Client {
  readonly connection: MemoryConnection;
  #text = '';

  constructor(connection: MemoryConnection) {
    this.connection = connection;
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      const chunk = await this.connection.read();
      assert.ok(chunk, 'the server has closed');
      this.#text += Buffer.from(chunk).toString();
    }
  }

  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (pattern.test(line)) return line;
    }
  }
}

async function serve(more: readonly Command[] = []) {
  const world = await createWorld();
  const pair = connectionPair({ clock: world.clock, remote: { address: '127.0.0.1', port: 1 } });
  const table = new Map([...commandTable, ...more.map((command) => [command.name, command] as const)]);
  const ended = serveConnection(pair.server, {
    services: world.services,
    table,
    canStartTls: false,
    log: world.services.log,
  });
  const client = new Client(pair.client);
  await client.line();
  return { world, client, server: pair.server, ended };
}

test('SCRAM-SHA-256, with the server’s signature checked by the client', async () => {
  const { client, world } = await serve();
  const exchange = scramClient({
    username: 'alice@alpha.test',
    password: PASSWORD,
    random: (n) => fakeRandom(3).bytes(n),
  });
  const first = await exchange.next();
  await client.connection.write(
    `a AUTHENTICATE SCRAM-SHA-256 ${Buffer.from(first.value ?? []).toString('base64')}\r\n`,
  );
  for (;;) {
    const line = await client.line();
    if (!line.startsWith('+ ')) {
      assert.match(line, /^a OK \[CAPABILITY .*\] AUTHENTICATE completed$/);
      break;
    }
    const step = await exchange.next(Buffer.from(line.slice(2), 'base64'));
    await client.connection.write(`${Buffer.from(step.value ?? []).toString('base64')}\r\n`);
  }
  await world.close();
});

test('a fault of ours is NO [SERVERBUG] with the session’s id, a log line with the stack, and the session goes on', async () => {
  const broken = defineCommand({
    name: 'BROKEN',
    allowedIn: ['not-authenticated'],
    parse: (cursor) => cursor.end(),
    run: async () => {
      throw new TypeError('secret detail');
    },
  });
  const { client, world } = await serve([broken]);
  await client.connection.write('a BROKEN\r\nb NOOP\r\n');
  assert.equal(await client.line(), 'a NO [SERVERBUG] Internal error, session server');
  assert.equal(await client.line(), 'b OK NOOP completed');
  const entry = world.logged.find(({ level }) => level === 'error');
  assert.ok(entry && JSON.stringify(entry.fields).includes('server'));
  await world.close();
});

test('commands run in their order, one after the other', async () => {
  let running = 0;
  const order: string[] = [];
  const slow = defineCommand({
    name: 'SLOW',
    allowedIn: ['not-authenticated'],
    parse: (cursor) => cursor.end(),
    run: async (_args, context) => {
      assert.equal(++running, 1);
      await settle();
      running--;
      order.push(context.tag);
      return ok('done');
    },
  });
  const { client, world } = await serve([slow]);
  await client.connection.write('a SLOW\r\nb SLOW\r\nc SLOW\r\n');
  await client.until(/^c OK/);
  assert.deepEqual(order, ['a', 'b', 'c']);
  await world.close();
});

test('a client that reads nothing holds a bounded amount of memory', async () => {
  let written = 0;
  const flood = defineCommand({
    name: 'FLOOD',
    allowedIn: ['not-authenticated'],
    parse: (cursor) => cursor.end(),
    run: async (_args, context) => {
      const line = `* OK ${'x'.repeat(1000)}\r\n`;
      for (let i = 0; i < 10_000; i++) {
        context.out.write(line);
        written += line.length;
        if (context.out.full) await context.out.ready();
      }
      return ok('done');
    },
  });
  const { client, world } = await serve([flood]);
  await client.connection.write('a FLOOD\r\n');
  await settle();
  assert.ok(written > 0 && written < 1_000_000, `${written} octets were produced`);
  await client.until(/^a OK/);
  assert.equal(written, 10_000 * 1007);
  await world.close();
});

test('a streamed message of a client that goes away in the middle leaves nothing', async () => {
  const { client, world, ended } = await serve();
  await client.connection.write(`a LOGIN alice@alpha.test "${PASSWORD}"\r\n`);
  await client.until(/^a OK/);
  await client.connection.write('b APPEND INBOX {1000}\r\n');
  assert.match(await client.line(), /^\+ /);
  await client.connection.write('Subject: half\r\n');
  await client.connection.end();
  await ended;
  const owner = world.accounts.get('alice@alpha.test') ?? '';
  const { mailboxes } = await world.services.store.mailboxes({ owner, viewer: owner });
  assert.equal(mailboxes.find(({ name }) => name === 'INBOX')?.messages, 0);
  await world.close();
});

test('whatever a logged-in client sends, it gets answers and no fault of ours comes of it', async () => {
  const words =
    'LIST LSUB SELECT EXAMINE FETCH STORE SEARCH STATUS CREATE RENAME DELETE APPEND COPY MOVE UID IDLE ENABLE'.split(
      ' ',
    );
  const pieces = [
    'INBOX',
    '"a/b"',
    '(',
    ')',
    '*',
    '%',
    '1:*',
    '""',
    'FLAGS',
    '(\\Seen)',
    'BODY[]',
    'RETURN',
    '{3+}\r\nabc',
    '{2}',
    '\\',
    '~{1+}\r\n\0',
    '\xff',
    '$',
    'NOT',
    'ALL',
    '+FLAGS',
    '0',
    '(MESSAGES)',
    'DONE',
    '\r\n',
  ];
  const command = fc.tuple(fc.constantFrom(...words), fc.array(fc.constantFrom(...pieces), { maxLength: 5 }));
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
      const { client, world, ended } = await serve();
      await client.connection.write(`u LOGIN alice@alpha.test "${PASSWORD}"\r\nv SELECT INBOX\r\n`);
      await client.until(/^v OK/);
      const text = commands.map(([word, args], i) => `${i} ${[word, ...args].join(' ')}\r\nDONE\r\n`).join('');
      await client.connection.write(Buffer.from(text, 'latin1'));
      await client.connection.end();
      await ended;
      assert.deepEqual(
        world.logged.filter(({ level }) => level === 'error').map(({ fields, message }) => ({ fields, message })),
        [],
      );
      await world.close();
    }),
    { numRuns: 60 },
  );
});
