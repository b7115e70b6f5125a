/**
 * IMAP clients that mean harm: each attack is a script with its expected answer, and after each somebody else is served at once and the gateway's memory is
 * within its bound.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { loopbackAddress, startTestPeer, type TestPeer } from '#test/support/system.ts';
import { ImapWire, SmtpWire } from '#test/support/wire.ts';

const MB = 1024 * 1024;
const MEMORY = 700 * MB;
const PROMPT_MS = 5_000;
const LOGINS = Number(process.env.PEERPOST_LOGINS ?? 10_000);

interface Attack {
  readonly name: string;
  /** Without a login when true. */
  readonly stranger?: boolean;
  readonly send: () => Iterable<string>;
  /** What comes back before the session is closed or the last command is answered. */
  readonly expect: RegExp;
}

const LOGIN = 'l LOGIN ann@alpha.test "correct horse"\r\n';
const many = function* (text: string, count: number): Iterable<string> {
  for (let n = 0; n < count; n++) yield text;
};

const ATTACKS: readonly Attack[] = [
  {
    name: 'a literal of 4 GB before login',
    stranger: true,
    send: () => ['a LOGIN {4294967296}\r\n'],
    expect: /^a (BAD|NO) /,
  },
  {
    name: 'one that is not waited for, before login',
    stranger: true,
    send: () => ['a LOGIN {4294967296+}\r\n', 'x'],
    expect: /^(\* BYE|a (BAD|NO)) /,
  },
  { name: 'a literal of 4 GB in APPEND', send: () => ['a APPEND INBOX {4294967295}\r\n'], expect: /^a NO \[TOOBIG\]/ },
  {
    name: 'one that is not waited for in APPEND',
    send: () => ['a APPEND INBOX {4294967295+}\r\n', 'x'],
    expect: /^(\* BYE|a (BAD|NO))/,
  },
  {
    name: 'a literal with a size of forty digits',
    send: () => [`a APPEND INBOX {${'9'.repeat(40)}}\r\n`],
    expect: /^(\* BYE|a (BAD|NO))/,
  },
  {
    name: 'an endless line before login',
    stranger: true,
    send: () => many('x'.repeat(65_536), 400),
    expect: /^\* BYE/,
  },
  { name: 'an endless line after login', send: () => many('x'.repeat(65_536), 400), expect: /^\* BYE/ },
  {
    name: 'lists a hundred thousand deep',
    send: () => [`a SEARCH ${'('.repeat(100_000)}ALL${')'.repeat(100_000)}\r\n`],
    expect: /^(\* BYE|a (BAD|NO))/,
  },
  {
    name: 'NOT, five thousand times',
    send: () => [`a SEARCH ${'NOT '.repeat(5_000)}ALL\r\n`],
    expect: /^(\* BYE|a (BAD|NO|OK))/,
  },
  {
    name: 'OR, a thousand times',
    send: () => [`a SEARCH ${'OR ALL '.repeat(1_000)}ALL\r\n`],
    expect: /^(\* BYE|a (BAD|NO|OK))/,
  },
  {
    name: 'a section a thousand deep',
    send: () => [`a FETCH 1 BODY.PEEK[${'1.'.repeat(1_000)}1]\r\n`],
    expect: /^a (BAD|NO|OK)/,
  },
  { name: 'a pattern that backtracks', send: () => [`a LIST "" "${'%*'.repeat(100)}x"\r\n`], expect: /^a (BAD|NO|OK)/ },
  {
    name: 'a set of ten thousand ranges',
    send: () => [`a FETCH ${Array.from({ length: 10_000 }, (_, n) => `${n + 1}:*`).join()} FLAGS\r\n`],
    expect: /^(\* BYE|a (BAD|NO|OK))/,
  },
  { name: 'every UID that there can be', send: () => ['a UID FETCH 1:4294967295 FLAGS\r\n'], expect: /^a OK/ },
  {
    name: 'a mailbox name a thousand levels deep',
    send: () => [`a CREATE "${'a/'.repeat(1_000)}a"\r\n`],
    expect: /^a (BAD|NO)/,
  },
  {
    name: 'five thousand keywords',
    send: () => [`a STORE 1 +FLAGS (${Array.from({ length: 5_000 }, (_, n) => `k${n}`).join(' ')})\r\n`],
    expect: /^(\* BYE|a (BAD|NO))/,
  },
  { name: 'NUL in a command', send: () => ['a NO\0OP\r\n'], expect: /^(\* (BYE|BAD)|a BAD|\* BAD)/ },
  { name: 'a browser', stranger: true, send: () => ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'], expect: /^(\* BYE|GET BAD)/ },
  { name: 'IDLE that ends in rubbish', send: () => ['a IDLE\r\n', 'RUBBISH\r\n'], expect: /^a BAD/ },
  {
    name: 'AUTHENTICATE with a megabyte',
    stranger: true,
    send: () => ['a AUTHENTICATE PLAIN\r\n', 'QUFB'.repeat(262_144), '\r\n'],
    expect: /^(\* BYE|a (BAD|NO))/,
  },
];

describe('hostile IMAP clients', () => {
  let peer: TestPeer;
  before(async () => {
    peer = await startTestPeer({
      domain: 'alpha.test',
      users: ['ann', 'ben', 'eve'],
      // Loopback would be exempt.
      toml: '[limits]\nauth-failures-per-minute = 20\nexempt-networks = []\nconnections-per-address = 1000',
    });
    const smtp = await SmtpWire.open(peer.host, peer.port(25));
    const body = `${'y'.repeat(98)}\r\n`.repeat(20_000);
    for (const user of ['ann', 'ben']) {
      assert.equal(
        (await smtp.data('a@b.test', `${user}@alpha.test`, Buffer.from(`Subject: big\r\n\r\n${body}`))).code,
        250,
      );
    }
    assert.equal((await smtp.data('a@b.test', 'ann@alpha.test', Buffer.from(nested(5_000)))).code, 250);
    await smtp.close();
  });
  after(() => peer?.close());

  /** Somebody else logs in, looks and leaves; answers how long it took, in milliseconds. */
  async function served(): Promise<number> {
    const begun = performance.now();
    const imap = await ImapWire.open(peer.host, peer.port(143), 'ben@alpha.test', peer.password);
    await imap.must('SELECT INBOX');
    imap.destroy();
    const took = performance.now() - begun;
    assert.ok(took < PROMPT_MS, `another client waited ${took} ms`);
    const rss = await memory(peer);
    assert.ok(rss < MEMORY, `the gateway has ${rss} octets`);
    return took;
  }

  for (const attack of ATTACKS) {
    test(attack.name, { timeout: 60_000 }, async () => {
      const raw = await Raw.open(peer);
      if (attack.stranger !== true) {
        await raw.say(LOGIN);
        await raw.until(/^l OK/m);
        await raw.say('s SELECT INBOX\r\n');
        await raw.until(/^s OK/m);
      }
      for (const part of attack.send()) if (!(await raw.say(part))) break;
      await raw.until(new RegExp(attack.expect, 'm'));
      raw.destroy();
      await served();
    });
  }

  test('a message with parts five thousand deep', async () => {
    const imap = await ImapWire.open(peer.host, peer.port(143), 'ann@alpha.test', peer.password);
    await imap.must('SELECT INBOX');
    const responses = await imap.must('FETCH 2 (BODYSTRUCTURE ENVELOPE BODY.PEEK[1])');
    assert.ok(responses.join('').length < MB);
    imap.destroy();
    await served();
  });

  for (const [what, line, count] of [
    ['two gigabytes of FETCH', 'a FETCH 1 BODY.PEEK[]\r\n', 1_000],
    ['a hundred thousand NOOPs', 'a NOOP\r\n', 100_000],
    ['twenty thousand searches', 'a SEARCH TEXT nothing\r\n', 20_000],
  ] as const) {
    test(`${what}, and nothing is read`, { timeout: 120_000 }, async (t) => {
      const raw = await Raw.open(peer, false);
      await raw.say(LOGIN);
      await raw.say('s SELECT INBOX\r\n');
      // We stop being heard at some point: that is the bound.
      for (const part of many(line.repeat(100), count / 100)) if (!(await raw.say(part, 2_000))) break;
      const took = await served();
      t.diagnostic(
        `the gateway has ${Math.round((await memory(peer)) / MB)} MB, another client took ${Math.round(took)} ms`,
      );
      raw.destroy();
    });
  }

  test(`${LOGINS} wrong passwords for one name over one connection after another`, { timeout: 300_000 }, async (t) => {
    let [wrong, turnedAway] = [0, 0];
    const attacker = async (): Promise<void> => {
      while (wrong + turnedAway < LOGINS) {
        const raw = await Raw.open(peer, true, loopbackAddress());
        for (let n = 0; n < 3; n++) {
          if (!(await raw.say(`a${n} LOGIN eve@alpha.test wrong${n}\r\n`))) break;
          const answer = await raw.until(new RegExp(`^(a${n} NO .*|\\* BYE .*)$`, 'm'));
          if (/AUTHENTICATIONFAILED/.test(answer)) wrong++;
          else turnedAway++;
          if (answer.startsWith('* BYE') || answer === '') break;
        }
        raw.destroy();
      }
    };
    const attackers = Promise.all(Array.from({ length: 50 }, attacker));
    const waits: number[] = [];
    let over = false;
    attackers.then(
      () => (over = true),
      () => (over = true),
    );
    while (!over) waits.push(await served());
    await attackers;
    t.diagnostic(
      `${wrong} told that it is wrong, ${turnedAway} turned away before any work; others waited up to ${Math.round(Math.max(...waits))} ms`,
    );
    assert.ok(turnedAway > wrong, 'most cost us nothing');
  });
});

/** Multiparts within multiparts. */
function nested(depth: number): string {
  const head = (n: number): string => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`;
  return `Subject: nested\r\n${Array.from({ length: depth }, (_, n) => head(n)).join('')}\r\nhello\r\n`;
}

async function memory(peer: TestPeer): Promise<number> {
  const pid = (await peer.pids()).get('imap-gateway') as number;
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

class Raw {
  readonly #socket: Socket;
  #text = '';
  #closed = false;
  #wake: () => void = () => undefined;

  static async open(peer: TestPeer, reads = true, localAddress = '127.0.0.1'): Promise<Raw> {
    const socket = connect({ port: peer.port(143), host: peer.host, localAddress });
    await once(socket, 'connect');
    return new Raw(socket, reads);
  }

  constructor(socket: Socket, reads: boolean) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
    if (reads) {
      socket.on('data', (chunk) => {
        this.#text += chunk.toString('latin1');
        this.#wake();
      });
    }
  }

  /** False when the other side hung up, or did not take it in time. */
  async say(text: string, withinMs = 30_000): Promise<boolean> {
    if (this.#closed || this.#socket.write(text, 'latin1')) return !this.#closed;
    let timer: NodeJS.Timeout | undefined;
    const taken = await Promise.race([
      new Promise<boolean>((resolve) => this.#socket.once('drain', () => resolve(true))),
      new Promise<boolean>((resolve) => this.#socket.once('close', () => resolve(false))),
      new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), withinMs);
      }),
    ]);
    clearTimeout(timer);
    return taken;
  }

  /** The match, once it is there; fails when the connection is closed without it. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match.index + match[0].length);
        return match[0];
      }
      assert.ok(!this.#closed, `closed without ${pattern}; it said: ${this.#text.slice(-300)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
