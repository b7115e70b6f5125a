/** Whole POP3 sessions: every answer is one that a client can read, nothing is our fault, and nothing goes but by QUIT. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { newId } from '#store/ids.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Access } from '#store/types.ts';
import { FakeClock } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { connectionPair } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import type { Pop3Services } from '../../../imap-gateway/pop3/command.ts';
import { commandTable } from '../../../imap-gateway/pop3/commands/table.ts';
import { serveConnection } from '../../../imap-gateway/pop3/driver.ts';
import { corpus, dialogs } from '../seeds.ts';
import type { Target } from '../target.ts';
import { converse, fewPieces, listen } from './kit.ts';

const LOGIN = 'USER alice\r\nPASS x\r\n';
const MESSAGES = corpus(1_000);
const WORDS = [...commandTable.keys(), 'PLAIN', 'SCRAM-SHA-256', '\r\n', ' ', '=', '*', '0', '1', '2', '4294967296'];

export const pop3Session: Target = {
  name: 'pop3-session',
  dictionary: WORDS,
  seeds: () => dialogs('pop3'),
  async run(input, random) {
    const clock = new FakeClock();
    const messages = [random.pick(MESSAGES), random.pick(MESSAGES), input];
    const world = await makeWorld(clock, messages);
    const pair = connectionPair({ clock, remote: { address: '127.0.0.1', port: 4 }, tls: random.chance(50) });
    const { services } = world;
    const session = serveConnection(pair.server, { services, table: commandTable, canStartTls: true, log: silentLog });
    const heard = listen(pair.client);
    const whole = random.chance(85) ? Buffer.concat([Buffer.from(LOGIN), input]) : input;
    await converse(pair.client, fewPieces(random.cut(whole)), session, clock);
    const text = (await heard).toString('latin1');
    checkAnswers(text);
    const left = await world.count();
    const removed = Number(/^\+OK Until next time, (\d+) messages removed\r\n$/m.exec(text.slice(-60))?.[1] ?? 0);
    assert.equal(left, messages.length - removed, 'messages went without a word');
    await world.close();
  },
};

/** One account, into which every password leads. */
async function makeWorld(clock: FakeClock, messages: readonly Buffer[]) {
  const random = fakeRandom();
  const store = new MemoryStore({ clock, random });
  const account = newId('account', random);
  const access: Access = { owner: account, viewer: account };
  const inbox = newId('mailbox', random);
  const mailboxes = [{ id: inbox, name: 'INBOX' }];
  const adds = messages.map((data) => {
    const rest = { length: data.length, crc: crc32(data), codec: 'identity', key: null, data } as const;
    const body = { id: newId('body', random), ...rest };
    const internalDate = { time: clock.now(), zone: 0 };
    const index = indexMessage(data);
    const message = { id: newId('message', random), body, prefix: new Uint8Array(0), index, internalDate };
    return { type: 'add-message' as const, mailbox: inbox, message, flags: [] };
  });
  const mutations = [{ type: 'create-account' as const, mailboxes }, ...adds];
  const answer = await store.commit({ owner: account, actor: account, id: 'c0', mutations });
  assert.ok(answer.ok, 'the world is not made');
  const services: Pop3Services = {
    hostname: 'alpha.test',
    store,
    auth: {
      admit: async () => undefined,
      failed: async () => undefined,
      sasl: {
        scram: () => Promise.reject(new MailError('unavailable', 'No secrets here')),
        random: (length) => random.bytes(length),
      },
      weigh: async (_remote, _name, check) => (await check()).answer,
      finish: async () => ({ account, address: 'alice@alpha.test' }),
    },
    coordination: new LocalCoordination(clock),
    clock,
    random,
    log: silentLog,
    limits: { loginTimeout: 60_000, idleTimeout: 600_000, drainTimeout: 3_000, badCommands: 20 },
    policy: { inUse: 'refuse', markSeen: true, loginDelay: 0, expire: 'never' },
  };
  return {
    services,
    count: async () => (await store.mailboxNamed(access, 'INBOX'))?.messages,
    close: () => store.close(),
  };
}

/** RFC 1939 §3: lines with CRLF; a fault is never answered, and every multi-line answer ends with a dot or with the connection. */
function checkAnswers(text: string): void {
  assert.doesNotMatch(text, /^-ERR \[SYS\/TEMP\] Internal error/m, 'a fault was answered');
  assert.ok(text === '' || text.endsWith('\r\n'), `an answer has no end: ${JSON.stringify(text.slice(-60))}`);
  assert.doesNotMatch(text, /(?<!\r)\n/, 'a bare LF');
  let open = false;
  for (const line of text.split('\r\n').slice(0, -1)) {
    if (open) {
      assert.ok(!line.startsWith('.') || line.startsWith('..') || line === '.', 'a dot was not stuffed');
      open = line !== '.';
    } else {
      assert.match(line, /^(?:\+OK|-ERR)(?: |$)|^\+ /, 'no status line');
      open = /^\+OK .*(?: follows?| octets)$/.test(line);
    }
  }
}
