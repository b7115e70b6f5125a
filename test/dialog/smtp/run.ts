/**
 * Runs a scripted dialog against the SMTP server, in memory and on a clock of its own. The lines of a script:
 *
 *     # a comment: what is attacked, and what must happen
 *     listener submission         smtp (default), submission, submissions or submission-unix
 *     remote 127.0.0.1            the client's address; default 192.0.2.1, `unix` on submission-unix
 *     limit recipients 2          a limit of the configuration; `limit channelBinding 1` switches that on
 *     eager MAIL FROM:<>\r\n      octets that are there before the greeting
 *     C: EHLO a.test              a line with CRLF; \r \n \0 \\ and \xNN are escapes
 *     C> .\r                      octets without CRLF
 *     repeat 30000 C> x           the same many times; also `repeat 100 S: 250`
 *     S: 250-2.1.0 Sender         one reply: its code (and enhanced code), and words of its text, which any of its lines may hold
 *     has STARTTLS / hasnt AUTH   the last reply has (hasn't) such a line
 *     silent                      nothing comes
 *     closed                      the server has closed the connection
 *     tls                         after a 220 to STARTTLS
 *     wait 300                    seconds pass
 *     drain                       the server begins to shut down
 *     messages 1                  the sink was given so many messages so far
 *     content Subject: x\r\n      the last message is this behind our own fields
 *     top /^Received: /           the last message with our fields matches
 *     to bob@beta.test            a forward-path of the last message
 *     tracked d1 s1               the delivery id of the last message, and the envelope id by which it is tracked (`-`: it isn't)
 *     signs beta.test             the domain whose keys sign the last message (`-`: none do)
 */
import assert from 'node:assert/strict';
import { formatAddress } from '#mail/address.ts';
import type { Reply } from '#mail/smtp/reply.ts';
import { enhancedCode } from '#mail/smtp/reply.ts';
import { ReplyParser } from '#mail/smtp/reply-parser.ts';
import { ConnectionClosed } from '#runtime/connection.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { FakeClock, settle } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { connectionPair, type MemoryConnection } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import type { AcceptedMessage } from '../../../mta/message-sink.ts';
import { createSmtpServer, type SmtpServer } from '../../../mta/server/listener.ts';
import type { ListenerKind } from '../../../mta/server/services.ts';
import { fakeDirectory, memorySpool, noNames, type RememberingSink, rememberingSink, testConfig } from './world.ts';

/** Milliseconds that pass by themselves when a reply is awaited: greeting pause, delays of errors. */
const PATIENCE = 3_000;

/** Octets on the disk of the server under test. */
const DISK_FREE = 1_000_000;

export async function runDialog(script: string): Promise<void> {
  const dialog = new Dialog();
  for (const [index, line] of script.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    try {
      await dialog.act(line);
    } catch (error) {
      throw new Error(`line ${index + 1}: ${line}\n${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
  await dialog.end();
}

class Dialog {
  readonly #clock = new FakeClock();
  readonly #coordination = new LocalCoordination(this.#clock);
  readonly #sink: RememberingSink = rememberingSink();
  readonly #spool = memorySpool();
  readonly #limits: Record<string, number> = {};
  #kind: ListenerKind = 'smtp';
  #remote = '192.0.2.1';
  #eager: Buffer[] = [];
  #server: SmtpServer | undefined;
  #client: MemoryConnection | undefined;
  #session: Promise<void> | undefined;
  #parser = new ReplyParser();
  #replies: Reply[] = [];
  #last: Reply | undefined;
  #closed = false;

  async act(line: string): Promise<void> {
    const [, verb = '', rest = ''] = /^(\S+) ?(.*)$/.exec(line) ?? [];
    switch (verb) {
      case 'listener':
        this.#kind = rest as ListenerKind;
        return;
      case 'remote':
        this.#remote = rest;
        return;
      case 'limit': {
        const [name = '', value] = rest.split(' ');
        this.#limits[name] = Number(value);
        return;
      }
      case 'eager':
        this.#eager.push(octetsOf(rest));
        return;
      case 'repeat': {
        const [, times, way, what = ''] = /^(\d+) (C>|S:) (.*)$/.exec(rest) ?? [];
        if (way === 'S:') {
          for (let i = 0; i < Number(times); i += 1) await this.#expect(what);
          return;
        }
        return this.#send(Buffer.from(octetsOf(what).toString('latin1').repeat(Number(times)), 'latin1'));
      }
      case 'C:':
        return this.#send(Buffer.concat([octetsOf(rest), Buffer.from('\r\n')]));
      case 'C>':
        return this.#send(octetsOf(rest));
      case 'S:':
        return this.#expect(rest);
      default:
        return this.#check(verb, rest);
    }
  }

  async #check(verb: string, rest: string): Promise<void> {
    switch (verb) {
      case 'has':
        return assert.ok(this.#last?.lines.includes(rest), `the reply lacks ${rest}: ${JSON.stringify(this.#last)}`);
      case 'hasnt':
        return assert.ok(!this.#last?.lines.some((each) => each.split(' ')[0] === rest), `the reply has ${rest}`);
      case 'silent':
        await this.#receive(0);
        return assert.deepEqual(this.#replies, []);
      case 'closed':
        await this.#receive(PATIENCE);
        assert.deepEqual(this.#replies, []);
        return assert.ok(this.#closed, 'the connection is open');
      case 'tls':
        await settle();
        return assert.ok(this.#client?.tls, 'no handshake');
      case 'wait':
        return this.#clock.advance(Number(rest) * 1000);
      case 'drain':
        void this.#server?.drain();
        return;
      case 'disconnect': {
        const sessions = await this.#coordination.sessions();
        await this.#coordination.disconnect(sessions.map(({ id }) => id));
        return;
      }
      case 'messages':
        await settle();
        return assert.equal(this.#sink.messages.length, Number(rest));
      case 'content':
        return assert.equal(
          this.#text().replace(/^(?:(?:Received|Date|Message-ID):.*\r\n(?:\t.*\r\n)*)+?(?=(?!\t))/, ''),
          octetsOf(rest).toString('latin1'),
        );
      case 'top':
        return assert.match(this.#text(), new RegExp(rest.slice(1, -1)));
      case 'tracked': {
        const { deliveryId, tracked, envelope } = this.#message();
        return assert.equal(`${deliveryId} ${tracked ? envelope.envelopeId : '-'}`, rest);
      }
      case 'signs':
        return assert.equal(this.#message().signAs ?? '-', rest);
      case 'to':
        return assert.ok(this.#message().envelope.forwardPaths.some((path) => formatAddress(path.address) === rest));
      case 'recipients':
        return assert.deepEqual(
          this.#message().envelope.forwardPaths.map((path) => formatAddress(path.address)),
          rest.split(' '),
        );
      case 'orcpt': {
        const original = this.#message().envelope.forwardPaths.map(
          ({ originalRecipient: o }) => `${o?.type};${o?.address}`,
        );
        return assert.deepEqual([...new Set(original)], [rest]);
      }
      default:
        return assert.fail(`unknown: ${verb}`);
    }
  }

  async end(): Promise<void> {
    this.#client?.destroy();
    await this.#clock.advance(60_000);
    await this.#session;
    // A session that has ended leaves nothing behind but what was accepted.
    assert.equal(this.#clock.pending, 0, 'timers are left over');
    const owned = this.#sink.messages.filter((message) => 'file' in message.content);
    assert.equal(this.#spool.size, owned.length, 'spool files are left over');
  }

  #message(): AcceptedMessage {
    const message = this.#sink.messages.at(-1);
    assert.ok(message, 'no message came');
    return message;
  }

  #text(): string {
    const { content } = this.#message();
    const octets = 'data' in content ? Buffer.from(content.data) : this.#spool.file(content.file);
    if (!('data' in content)) assert.equal(octets.length, content.size);
    return octets.toString('latin1');
  }

  async #open(): Promise<MemoryConnection> {
    if (this.#client !== undefined) return this.#client;
    const { server, client } = connectionPair({
      clock: this.#clock,
      remote: this.#kind === 'submission-unix' ? 'unix' : { address: this.#remote, port: 40_000 },
      tls: this.#kind === 'submissions',
    });
    this.#client = client;
    for (const octets of this.#eager) await client.write(octets);
    this.#server = createSmtpServer({
      config: testConfig(this.#limits),
      directory: fakeDirectory(),
      sink: this.#sink,
      resolver: noNames,
      coordination: this.#coordination,
      spool: this.#spool,
      hasRoom: async (octets) => octets + (this.#limits.minimumFree ?? 0) <= DISK_FREE,
      clock: this.#clock,
      random: fakeRandom(),
      log: silentLog,
    });
    this.#session = this.#server.accept(this.#kind, server);
    return client;
  }

  async #send(octets: Buffer): Promise<void> {
    const client = await this.#open();
    // What the server doesn't read waits on the way, as in a socket.
    void client.write(octets).catch((error: unknown) => {
      if (!(error instanceof ConnectionClosed)) throw error;
    });
  }

  async #expect(expected: string): Promise<void> {
    await this.#open();
    await this.#receive(PATIENCE);
    const reply = this.#replies.shift();
    this.#last = reply;
    assert.ok(reply, this.#closed ? 'the connection was closed' : 'no reply came');
    const [, code, enhanced, words = ''] = /^(\d{3})(?: (\d\.\d+\.\d+))? ?(.*)$/.exec(expected) ?? [];
    const found = `${reply.code} ${enhancedCode(reply) ?? ''} ${reply.lines.join(' / ')}`;
    assert.equal(reply.code, Number(code), found);
    if (enhanced !== undefined) assert.equal(enhancedCode(reply), enhanced, found);
    assert.ok(reply.lines.join('\n').includes(words), found);
  }

  /** Reads what is there; lets time pass, up to `patience`, while nothing is. */
  async #receive(patience: number): Promise<void> {
    const client = await this.#open();
    const until = this.#clock.now() + patience;
    for (;;) {
      await settle();
      while (client.buffered > 0) {
        const chunk = await client.read();
        if (chunk !== null) this.#replies.push(...this.#parser.push(chunk));
        await settle();
      }
      if (this.#replies.length > 0) return;
      this.#closed = await hasEnded(this.#session);
      if (this.#closed && client.buffered === 0) return;
      const next = this.#clock.nextAt;
      if (next === undefined || next > until) return;
      await this.#clock.advance(next - this.#clock.now());
    }
  }
}

async function hasEnded(session: Promise<void> | undefined): Promise<boolean> {
  return (await Promise.race([session?.then(() => true), settle().then(() => false)])) ?? false;
}

function octetsOf(text: string): Buffer {
  const simple: Readonly<Record<string, string>> = { r: '\r', n: '\n', '0': '\0', t: '\t', '\\': '\\' };
  const octets: Buffer[] = [];
  for (const part of text.split(/(\\x[0-9a-f]{2}|\\[rn0t\\])/)) {
    if (part.startsWith('\\x')) octets.push(Buffer.of(Number.parseInt(part.slice(2), 16)));
    else if (part.startsWith('\\')) octets.push(Buffer.from(simple[part[1] ?? ''] ?? ''));
    else octets.push(Buffer.from(part));
  }
  return Buffer.concat(octets);
}
