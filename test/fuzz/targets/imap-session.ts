/** Whole IMAP sessions: every response is one that a client can read, and nothing is our fault. */
import assert from 'node:assert/strict';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import { MemoryStore } from '#store/memory/store.ts';
import { LARGE_MAILBOX } from '#store/store.ts';
import { ViewCache } from '#store/view-cache.ts';
import { FakeClock } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { connectionPair } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import type { ImapServices } from '../../../imap-gateway/imap/command.ts';
import { commandTable } from '../../../imap-gateway/imap/commands/table.ts';
import { serveConnection } from '../../../imap-gateway/imap/driver.ts';
import { corpus, dialogs, sessions } from '../seeds.ts';
import type { Target } from '../target.ts';
import { IMAP_WORDS } from './imap.ts';
import { converse, fewPieces, listen } from './kit.ts';

/** Before the recording, so that most of it means something. */
const LOGIN = 'l LOGIN alice x\r\n';

/** A message to look at, and its mailbox selected. */
function opening(message: Buffer): Buffer {
  const append = `a APPEND INBOX {${message.length}+}\r\n`;
  return Buffer.concat([Buffer.from(LOGIN + append), message, Buffer.from('\r\ns SELECT INBOX\r\n')]);
}

const MESSAGES = corpus(1_000);

export const imapSession: Target = {
  name: 'imap-session',
  dictionary: IMAP_WORDS,
  seeds: () => [...dialogs('imap'), ...sessions('imap', 'client')],
  async run(input, random) {
    const clock = new FakeClock();
    const world = await makeWorld(clock);
    const pair = connectionPair({ clock, remote: { address: '127.0.0.1', port: 4 }, tls: random.chance(50) });
    const session = serveConnection(pair.server, {
      services: world.services,
      table: commandTable,
      canStartTls: true,
      log: silentLog,
    });
    const heard = listen(pair.client);
    const whole = random.chance(85) ? Buffer.concat([opening(random.pick(MESSAGES)), input]) : input;
    try {
      await converse(pair.client, fewPieces(random.cut(whole)), session, clock);
      checkResponses((await heard).toString('latin1'));
    } finally {
      await world.close();
    }
  },
};

/** One account, into which every password leads. */
async function makeWorld(clock: FakeClock): Promise<{ services: ImapServices; close(): Promise<void> }> {
  const random = fakeRandom();
  const store = new MemoryStore({ clock, random });
  const account = newId('account', random);
  const mutations = [{ type: 'create-account' as const, mailboxes: [] }];
  await store.commit({ owner: account, actor: account, id: 'c0', mutations });
  const views = new ViewCache({ store, clock, log: silentLog });
  const services = {
    hostname: 'alpha.test',
    store,
    views,
    auth: {
      admit: async () => undefined,
      sasl: {
        scram: () => Promise.reject(new MailError('unavailable', 'No secrets here')),
        random: (length: number) => random.bytes(length),
      },
      finish: async () => ({ account, address: 'alice@alpha.test' }),
    },
    clock,
    random,
    log: silentLog,
    limits: {
      messageSize: 20_000,
      idleTimeout: 1_800_000,
      loginTimeout: 60_000,
      badCommands: 20,
      idleKeepAlive: 120_000,
      largeMailbox: LARGE_MAILBOX,
    },
    // What these sessions never ask for is left out: the directory.
  } as unknown as ImapServices;
  return {
    services,
    async close() {
      await views.close();
      await store.close();
    },
  };
}

/** RFC 9051 §7, §9: lines and literals, nothing behind a BYE but the tagged answer. */
function checkResponses(text: string): void {
  assert.doesNotMatch(text, /SERVERBUG/, 'a fault was answered');
  for (let at = 0; at < text.length; ) {
    let end = at;
    for (;;) {
      const crlf = text.indexOf('\r\n', end);
      assert.ok(crlf >= 0, `a response has no end: ${text.slice(at, at + 100)}`);
      const line = text.slice(end, crlf);
      assert.doesNotMatch(line, /[\0\r\n]/, 'a line with NUL, CR or LF');
      const literal = /(~?)\{(\d+)\}$/.exec(line);
      if (literal === null) {
        end = crlf + 2;
        break;
      }
      end = crlf + 2 + Number(literal[2]);
      assert.ok(end <= text.length, 'a literal has no end');
      if (literal[1] === '') assert.ok(!text.slice(crlf + 2, end).includes('\0'), 'NUL in a literal');
    }
    assert.match(
      text.slice(at, Math.min(end, at + 10_000)),
      /^(?:\* \S|\+ |[!#$&',-[\]-z|}~^_`]+ (?:OK|NO|BAD) )/,
      'no response',
    );
    at = end;
  }
}
