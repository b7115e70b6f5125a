import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { scramClient } from '#mail/sasl/scram-client.ts';
import type { MailStore } from '#store/store.ts';
import { contains } from '#store/uid-set.ts';
import { createWorld, PASSWORD, type Pop3World } from '#test/dialog/pop3/world.ts';
import type { Arrival } from '#test/dialog/script.ts';
import { settle } from '#test/support/clock.ts';
import type { MemoryConnection } from '#test/support/memory-connection.ts';

class Client {
  readonly connection: MemoryConnection;
  text = '';

  constructor(connection: MemoryConnection) {
    this.connection = connection;
  }

  send(text: string): void {
    this.connection.write(text).catch(() => undefined);
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.text.indexOf('\r\n');
      if (end >= 0) {
        const line = this.text.slice(0, end);
        this.text = this.text.slice(end + 2);
        return line;
      }
      const chunk = await this.connection.read();
      assert.ok(chunk, 'the server has closed');
      this.text += Buffer.from(chunk).toString('latin1');
    }
  }

  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return await this.line();
  }

  /** Everything up to the end of the connection, however that comes. */
  async rest(): Promise<string> {
    for (;;) {
      const chunk = await this.connection.read().catch(() => null);
      if (chunk === null) return this.text;
      this.text += Buffer.from(chunk).toString('latin1');
    }
  }
}

async function open(t: TestContext, world: Pop3World, how: Arrival = 'loopback', binding = false) {
  const { client, server, ended } = world.connect(how, binding);
  t.after(async () => {
    client.destroy();
    await ended;
  });
  const opened = new Client(client);
  assert.match(await opened.line(), /^\+OK /);
  return { client: opened, server, ended };
}

async function logIn(t: TestContext, world: Pop3World) {
  const opened = await open(t, world);
  await opened.client.ask('USER alice@alpha.test');
  assert.match(await opened.client.ask(`PASS ${PASSWORD}`), /^\+OK /);
  return opened;
}

async function makeWorld(t: TestContext, wrap?: (store: MailStore) => MailStore): Promise<Pop3World> {
  const world = await createWorld(wrap);
  t.after(() => world.close());
  return world;
}

/** The store with some of its methods in another way. */
const instead = (methods: (store: MailStore) => Partial<MailStore>) => (store: MailStore) => {
  const own = methods(store);
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
};

const LARGE = Buffer.from(`Subject: large\r\n\r\n${`.${'x'.repeat(70)}\r\n`.repeat(60_000)}`);

test('ten thousand commands at once are answered, each in its turn', async (t) => {
  const world = await makeWorld(t);
  await world.deliver('alice', 'Subject: a\r\n\r\nb\r\n');
  const { client } = await logIn(t, world);
  client.send(`${'NOOP\r\nSTAT\r\n'.repeat(5_000)}QUIT\r\n`);
  const text = await client.rest();
  assert.equal(text, `${'+OK\r\n+OK 1 17\r\n'.repeat(5_000)}+OK Until next time\r\n`);
});

test('an endless line ends the session', async (t) => {
  const { client, ended } = await open(t, await makeWorld(t));
  for (let i = 0; i < 20; i++) client.send('x'.repeat(65_536));
  assert.equal(await client.rest(), '-ERR A line without an end\r\n');
  await ended;
});

test('an overlong line and a bare LF are refused, and the session goes on', async (t) => {
  const { client } = await open(t, await makeWorld(t));
  assert.equal(await client.ask('x'.repeat(10_000)), '-ERR Line too long');
  client.send('CAPA\n');
  assert.equal(await client.line(), '-ERR Lines end with CRLF');
  assert.equal(await client.ask('LANG en'), '+OK en Language chosen');
});

test('a slow reader is waited for, and no more than a little of a message is read for him', async (t) => {
  let read = 0;
  const world = await makeWorld(
    t,
    instead((store) => ({
      async *content(...args) {
        for await (const piece of store.content(...args)) {
          read += piece.length;
          yield piece;
        }
      },
    })),
  );
  await world.deliver('alice', LARGE);
  const { client } = await logIn(t, world);
  client.send('RETR 1\r\n');
  await settle();
  assert.ok(read > 0 && read < 1_000_000, `${read} octets were read`);
  await world.clock.advance(500_000);
  const lines: string[] = [];
  do lines.push(await client.line());
  while (lines.at(-1) !== '.');
  assert.equal(lines.length, 60_004);
  assert.equal(lines[3], `..${'x'.repeat(70)}`);
  assert.equal(read, LARGE.length - 'Subject: large\r\n\r\n'.length);
});

test('TOP of a large message reads no more of it than is wanted', async (t) => {
  let read = 0;
  const world = await makeWorld(
    t,
    instead((store) => ({
      async *content(...args) {
        for await (const piece of store.content(...args)) {
          read += piece.length;
          yield piece;
        }
      },
    })),
  );
  await world.deliver('alice', LARGE);
  const { client } = await logIn(t, world);
  client.send('TOP 1 3\r\n');
  for (let i = 0; i < 6; i++) await client.line();
  assert.equal(await client.line(), '.');
  assert.ok(read < 600_000, `${read} octets were read`);
});

test('a message that can not be read is refused; one that breaks off ends the connection, without a dot', async (t) => {
  let pieces = 0;
  const world = await makeWorld(
    t,
    instead((store) => ({
      async *content(...args) {
        for await (const piece of store.content(...args)) {
          if (pieces-- === 0) throw new MailError('unavailable', 'the message can not be read');
          yield piece;
        }
      },
    })),
  );
  await world.deliver('alice', LARGE);
  const { client, ended } = await logIn(t, world);
  assert.equal(await client.ask('RETR 1'), '-ERR [SYS/TEMP] the message can not be read');
  pieces = 2;
  assert.equal(await client.ask('DELE 1'), '+OK Message 1 marked');
  await client.ask('RSET');
  client.send('RETR 1\r\nQUIT\r\n');
  const text = await client.rest();
  await ended;
  assert.match(text, /^\+OK \d+ octets\r\n/);
  assert.doesNotMatch(text, /\r\n\.\r\n|Until next time/);
  assert.deepEqual(
    world.logged.filter(({ level }) => level === 'error'),
    [],
  );
});

test('QUIT of a client that is gone removes nothing', async (t) => {
  const world = await makeWorld(t);
  await world.deliver('alice', 'Subject: a\r\n\r\nb\r\n', LARGE);
  const { client, ended } = await logIn(t, world);
  // The answer to RETR is more than anybody takes; what stands behind it is read only when the client is gone.
  client.send('DELE 1\r\nRETR 2\r\nQUIT\r\n');
  await settle();
  client.connection.destroy();
  await ended;
  const access = { owner: world.account('alice'), viewer: world.account('alice') };
  assert.equal((await world.store.mailboxNamed(access, 'INBOX'))?.messages, 2);
});

test('a commit whose outcome is unknown is asked for again under its id; one that fails is told, and the maildrop is free', async (t) => {
  const ids: string[] = [];
  let trouble = Number.POSITIVE_INFINITY;
  const world = await makeWorld(
    t,
    instead((store) => ({
      async commit(commit) {
        if (commit.mutations[0]?.type !== 'expunge') return store.commit(commit);
        ids.push(commit.id);
        if (trouble-- > 0) throw new MailError('unavailable', 'The store is busy');
        return store.commit(commit);
      },
    })),
  );
  await world.deliver('alice', 'Subject: a\r\n\r\nb\r\n');
  const first = await logIn(t, world);
  await first.client.ask('DELE 1');
  assert.equal(await first.client.ask('QUIT'), '-ERR [SYS/TEMP] No messages were removed: The store is busy');
  await first.ended;
  assert.equal(new Set(ids).size, 1);
  trouble = 2;
  const second = await logIn(t, world);
  await second.client.ask('DELE 1');
  assert.equal(await second.client.ask('QUIT'), '+OK Until next time, 1 messages removed');
});

test('a fault is temporary, logged with its session, and ends nothing', async (t) => {
  const world = await makeWorld(
    t,
    instead(() => ({ sizes: () => Promise.reject(new Error('a fault of ours')) })),
  );
  await world.deliver('alice', 'Subject: a\r\n\r\nb\r\n');
  const { client } = await logIn(t, world);
  assert.equal(await client.ask('LIST'), '-ERR [SYS/TEMP] Internal error, session server');
  assert.equal(await client.ask('STAT'), '+OK 1 17');
  const [entry] = world.logged.filter(({ level }) => level === 'error');
  assert.equal(entry?.message, 'a command failed');
});

test('where no lock can be had because coordination is out of reach, sessions go on', async (t) => {
  const world = await makeWorld(t);
  world.services.coordination.acquire = () => Promise.reject(new Error('no supervisor'));
  const { client } = await logIn(t, world);
  assert.equal(await client.ask('STAT'), '+OK 0 0');
});

for (const [name, octet, right] of [
  ['SCRAM-SHA-256', undefined, true],
  ['SCRAM-SHA-256-PLUS', 7, true],
  ['SCRAM-SHA-256-PLUS', 8, false],
] as const) {
  test(`${name}, bound to ${octet === undefined ? 'nothing' : right ? 'its connection' : 'another'}`, async (t) => {
    const world = await makeWorld(t);
    const { client } = await open(t, world, 'tls', octet !== undefined);
    const exchange = scramClient({
      username: 'alice@alpha.test',
      password: PASSWORD,
      random: randomBytes,
      // What the connections of these tests export.
      ...(octet !== undefined && { binding: { type: 'tls-exporter' as const, data: new Uint8Array(32).fill(octet) } }),
    });
    const next = async (challenge = ''): Promise<string> => {
      const step = await exchange.next(Buffer.from(challenge, 'base64'));
      return Buffer.from(step.value ?? []).toString('base64');
    };
    const challenge = (await client.ask(`AUTH ${name} ${await next()}`)).slice(2);
    client.send(`${await next(challenge)}\r\n`);
    // A refusal comes late.
    await settle();
    if (!right) await world.clock.advance(5_000);
    const line = await client.line();
    if (right) assert.match(await client.ask(await next(line.slice(2))), /^\+OK 0 messages/);
    else assert.match(line, /^-ERR \[AUTH\] /);
  });
}

test('messages one after the other are each what was stored, large and damaged ones among them, also when some go meanwhile', async (t) => {
  const broken = 41;
  const world = await makeWorld(
    t,
    instead((store) => ({
      // As the store does it: all others first.
      async *messages(access, mailbox, uids, ...rest) {
        for await (const rows of store.messages(access, mailbox, uids, ...rest)) {
          yield rows.filter(({ uid }) => uid !== broken);
        }
        if (contains(uids, broken)) throw new MailError('unavailable', 'some messages can not be read');
      },
    })),
  );
  const contents = Array.from(
    { length: 100 },
    (_, i) => `Subject: ${i + 1}\r\n\r\n${'x'.repeat(i === 50 ? 70_000 : i)}\r\n`,
  );
  await world.deliver('alice', ...contents);
  const { client } = await logIn(t, world);
  for (const number of [...contents.keys()].flatMap((i) => (i === 60 ? [i + 1, 3, i + 2] : [i + 1]))) {
    if (number === 20) await world.act?.('X', 'alice expunge 30');
    const first = await client.ask(`RETR ${number}`);
    if (number === broken) {
      assert.equal(first, '-ERR [SYS/TEMP] some messages can not be read');
      continue;
    }
    assert.equal(first, `+OK ${contents[number - 1]!.length} octets`);
    let text = '';
    for (let line = await client.line(); line !== '.'; line = await client.line()) text += `${line}\r\n`;
    assert.equal(text, contents[number - 1]);
  }
});

test('a maildrop of many messages is listed whole, and its ids are all different', async (t) => {
  const world = await makeWorld(t);
  await world.deliver('alice', ...Array.from({ length: 1_500 }, (_, i) => `Subject: ${i}\r\n\r\n`));
  const { client } = await logIn(t, world);
  for (const command of ['LIST', 'UIDL']) {
    assert.match(await client.ask(command), /^\+OK /);
    const lines: string[] = [];
    for (let line = await client.line(); line !== '.'; line = await client.line()) lines.push(line);
    assert.deepEqual(
      lines.map((line) => Number(line.split(' ')[0])),
      Array.from({ length: 1_500 }, (_, i) => i + 1),
    );
    if (command === 'UIDL') assert.equal(new Set(lines.map((line) => line.split(' ')[1])).size, 1_500);
  }
});
