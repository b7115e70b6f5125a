import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHello } from '#mail/smtp/command.ts';
import { MAIL_PARAMETERS, parseMail } from '#mail/smtp/mail-command.ts';
import { parseRcpt } from '#mail/smtp/rcpt-command.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { FakeClock, settle } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { connectionPair, type MemoryConnection } from '#test/support/memory-connection.ts';
import { type CommandTable, defineCommand } from './command-table.ts';
import { bdat } from './commands/bdat.ts';
import { data } from './commands/data.ts';
import { quit } from './commands/simple.ts';
import { RECEIVER_DEFAULTS, receive } from './receiver.ts';
import type { ContentSink } from './receiver-content.ts';

/** A little LMTP server: recipients are texts, and the test decides when a message is stored. */
function lmtp(finish: (text: string, recipients: readonly string[]) => Promise<readonly Reply[]>) {
  const events: string[] = [];
  const policy = {
    replyPerRecipient: true,
    mode: () => 'refuse' as const,
    open: ({ recipients }: { readonly recipients: readonly string[] }): ContentSink => {
      let text = '';
      return {
        write(chunk) {
          text += chunk.toString();
          if (text.includes('boom')) throw new TypeError('boom');
        },
        finish: () => finish(text, recipients),
        abort: () => events.push('abort'),
      };
    },
  };
  const commands: CommandTable<string, undefined> = {
    LHLO: defineCommand({
      allowedIn: ['connected'],
      parse: (argument) => parseHello('LHLO', argument),
      run: (_, hello) => ({ reply: reply(250, undefined, 'ok'), next: { state: 'greeted', hello, login: undefined } }),
    }),
    MAIL: defineCommand({
      allowedIn: ['greeted'],
      parse: (argument) => parseMail(argument, { parameters: MAIL_PARAMETERS, lenient: false }),
      run: (session, mail) => ({
        reply: reply(250, '1.0', 'ok'),
        next: { ...session, state: 'transaction', transaction: { mail, recipients: [] } },
      }),
    }),
    RCPT: defineCommand({
      allowedIn: ['transaction'],
      parse: (argument) => parseRcpt(argument, { dsn: false, utf8: false, lenient: false }).address.localPart,
      run: (session, name) => {
        const { mail, recipients } = session.transaction;
        return {
          reply: reply(250, '1.5', 'ok'),
          next: { ...session, transaction: { mail, recipients: [...recipients, name] } },
        };
      },
    }),
    DATA: data(policy),
    BDAT: bdat(policy),
    QUIT: quit('mda.test'),
  };
  return { commands, events };
}

function start(commands: CommandTable<string, undefined>, outstanding = RECEIVER_DEFAULTS.outstanding as number) {
  const clock = new FakeClock();
  const log = recordingLog();
  const { server, client } = connectionPair({ clock, remote: 'unix' });
  const done = receive({
    connection: server,
    commands,
    greeting: () => reply(220, undefined, 'mda.test'),
    greetingPause: 0,
    limits: {
      commandTimeout: 300_000,
      contentTimeout: 600_000,
      minimumRate: 0,
      messageSize: 1000,
      lineLength: 1000,
      slowAfterErrors: 10,
      dropAfterErrors: 20,
      idleCommands: 100,
      deferrals: 1000,
      outstanding,
    },
    clock,
    log,
  });
  return { client, clock, log, done };
}

async function received(client: MemoryConnection): Promise<string> {
  let text = '';
  await settle();
  while (client.buffered > 0) text += Buffer.from((await client.read()) ?? []).toString();
  return text;
}

const message = (to: string, text: string) =>
  `MAIL FROM:<>\r\nRCPT TO:<${to}@b.test>\r\nBDAT ${text.length} LAST\r\n${text}`;

test('commands behind a content run before it is answered, and replies stay in order', async () => {
  const stored: ((replies: readonly Reply[]) => void)[] = [];
  const texts: string[] = [];
  const { commands } = lmtp((text) => {
    texts.push(text);
    return new Promise((resolve) => stored.push(resolve));
  });
  const { client, done } = start(commands);
  await client.write('LHLO mta.test\r\n');
  assert.equal(await received(client), '220 mda.test\r\n250 ok\r\n');
  await client.write(`${message('one', 'first')}${message('two', 'second')}QUIT\r\n`);
  assert.equal(await received(client), '250 2.1.0 ok\r\n250 2.1.5 ok\r\n');
  assert.deepEqual(texts, ['first', 'second']);
  stored[1]?.([reply(250, '0.0', 'second is stored')]);
  assert.equal(await received(client), '');
  stored[0]?.([reply(452, '2.2', 'full')]);
  assert.equal(
    await received(client),
    '452 4.2.2 full\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 second is stored\r\n221 2.0.0 mda.test says goodbye\r\n',
  );
  await done;
});

test('so many contents may be outstanding and no more', async () => {
  const stored: ((replies: readonly Reply[]) => void)[] = [];
  const { commands } = lmtp(() => new Promise((resolve) => stored.push(resolve)));
  const { client, done } = start(commands, 3);
  await client.write('LHLO mta.test\r\n');
  await received(client);
  // One content and the two replies that wait behind it fill the bound.
  await client.write(message('a', 'x').repeat(5));
  await received(client);
  assert.equal(stored.length, 1);
  for (let i = 0; i < 5; i += 1) {
    stored[i]?.([reply(250, '0.0', 'ok')]);
    await received(client);
  }
  assert.equal(stored.length, 5);
  client.destroy();
  await done;
});

test('a thousand messages on one connection all get their replies in order', async () => {
  const { commands } = lmtp(async (text) => {
    await settle();
    return [reply(250, '0.0', text)];
  });
  const { client, done } = start(commands);
  await client.write('LHLO mta.test\r\n');
  await received(client);
  let replies = '';
  const count = 1000;
  const reading = (async () => {
    for (;;) {
      const chunk = await client.read();
      if (chunk === null) return;
      replies += Buffer.from(chunk).toString();
    }
  })();
  for (let i = 0; i < count; i += 1) await client.write(message('a', `number ${i}`));
  await client.write('QUIT\r\n');
  await reading;
  await done;
  const answers = [...replies.matchAll(/2\.0\.0 number (\d+)/g)].map((match) => Number(match[1]));
  assert.deepEqual(
    answers,
    Array.from({ length: count }, (_, i) => i),
  );
});

test('RFC 2033 §4.2: one reply for each recipient, refusals too, and 503 for DATA without any', async () => {
  const { commands, events } = lmtp(async (_, recipients) => recipients.map((name) => reply(250, '0.0', name)));
  const { client, done } = start(commands);
  await client.write('LHLO mta.test\r\n');
  await received(client);
  const envelope = 'MAIL FROM:<>\r\nRCPT TO:<one@b.test>\r\nRCPT TO:<two@b.test>\r\n';
  await client.write(`${envelope}DATA\r\n`);
  assert.match(await received(client), /354 [^\r]*\r\n$/);
  await client.write('text\r\n.\r\n');
  assert.equal(await received(client), '250 2.0.0 one\r\n250 2.0.0 two\r\n');
  await client.write(`${envelope}BDAT 2 LAST\r\na\n`);
  assert.equal((await received(client)).match(/550 5\.6\.11/g)?.length, 2);
  assert.deepEqual(events, ['abort']);
  await client.write('MAIL FROM:<>\r\nDATA\r\n');
  assert.match(await received(client), /503 5\.5\.1 No valid recipients\r\n$/);
  // RFC 2033 §4.3: no recipients, no replies.
  await client.write('BDAT 1 LAST\r\nxQUIT\r\n');
  assert.match(await received(client), /^221 /);
  await done;
});

test('a fault in a sink is temporary, logged, and the content is read to its end', async () => {
  const { commands, events } = lmtp(async () => [reply(250, '0.0', 'ok')]);
  const { client, log, done } = start(commands);
  await client.write('LHLO mta.test\r\n');
  await received(client);
  await client.write(`${message('a', 'boom RSET\r\n')}${message('a', 'fine')}QUIT\r\n`);
  const answers = await received(client);
  assert.match(
    answers,
    /451 4\.3\.0 [^\r]*\(session server\)\r\n250 2\.1\.0 ok\r\n250 2\.1\.5 ok\r\n250 2\.0\.0 ok\r\n221/,
  );
  assert.deepEqual(events, ['abort']);
  assert.ok(log.entries.some((entry) => entry.level === 'error' && entry.fields.err instanceof TypeError));
  await done;
});

test('a connection that is lost in a chunked message lets its sink go', async () => {
  const { commands, events } = lmtp(async () => []);
  const { client, done } = start(commands);
  await client.write('LHLO mta.test\r\n');
  await received(client);
  await client.write('MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 1\r\nx');
  await received(client);
  client.destroy();
  await done;
  assert.deepEqual(events, ['abort']);
});
