/**
 * A middlebox between two mail servers: it passes octets on, remembers them, and takes keywords out of EHLO replies, so that the server behind it
 * seems to lack an extension. It may also be busy for its first callers.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Host } from './submission.ts';

export interface TapOptions {
  readonly listen: Host;
  readonly to: Host;
  /** EHLO keywords that callers don't get to see. */
  readonly strip: readonly string[];
  /** So many callers hear 421 (RFC 5321 §3.8) before one is let through. */
  readonly busy?: number;
}

export interface Flow {
  readonly from: 'client' | 'server';
  bytes: Buffer;
}

/** What went over one connection, in order; octets that followed one another in one direction stand together. */
export type Conversation = Flow[];

/** Of each conversation; enough for all commands of a trial, not for its large messages. */
const KEEP = 200_000;

export class Tap {
  readonly conversations: Conversation[] = [];
  readonly #options: TapOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #busy: number;

  static async start(options: TapOptions): Promise<Tap> {
    const tap = new Tap(options);
    tap.#server.listen(options.listen.port, options.listen.host);
    await once(tap.#server, 'listening');
    return tap;
  }

  constructor(options: TapOptions) {
    this.#options = options;
    this.#busy = options.busy ?? 0;
    // Exim hangs up its half behind a pipelined QUIT and still wants to hear the replies.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#serve(client));
  }

  /** How many callers heard 421 so far. */
  get refused(): number {
    return (this.#options.busy ?? 0) - this.#busy;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(client: Socket): void {
    this.#watch(client);
    if (this.#busy > 0) {
      this.#busy -= 1;
      client.end('421 4.3.2 The middlebox is busy, try again later\r\n');
      client.resume();
      return;
    }
    const server = connect({ ...this.#options.to, allowHalfOpen: true });
    this.#watch(server);
    const conversation: Conversation = [];
    this.conversations.push(conversation);
    const filter = new ReplyFilter(this.#options.strip);
    pour(client, server, (bytes) => {
      filter.clientSaid(bytes);
      record(conversation, 'client', bytes);
      return bytes;
    });
    pour(server, client, (bytes) => {
      const passed = filter.pass(bytes);
      record(conversation, 'server', passed);
      return passed;
    });
  }

  #watch(socket: Socket): void {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    // A peer that hangs up without a word is the other's trouble, not the middlebox's.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

function pour(from: Socket, to: Socket, see: (bytes: Buffer) => Buffer): void {
  from.on('data', (bytes) => {
    const passed = see(bytes);
    if (passed.length > 0 && !to.write(passed)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('close', () => to.destroySoon());
}

function record(conversation: Conversation, from: Flow['from'], bytes: Buffer): void {
  const last = conversation.at(-1);
  if (last?.from !== from) conversation.push({ from, bytes: Buffer.from(bytes) });
  else if (last.bytes.length < KEEP) last.bytes = Buffer.concat([last.bytes, bytes]);
}

/** Replies are lines until TLS begins; those of several lines with 250 are EHLO's. */
class ReplyFilter {
  readonly #strip: ReadonlySet<string>;
  #rest = '';
  #reply: string[] = [];
  #startTls = false;
  #opaque = false;

  constructor(strip: readonly string[]) {
    this.#strip = new Set(strip);
  }

  clientSaid(bytes: Buffer): void {
    if (!this.#opaque && bytes.length < 20 && /^STARTTLS\r\n$/i.test(bytes.toString('latin1'))) this.#startTls = true;
  }

  pass(bytes: Buffer): Buffer {
    if (this.#opaque) return bytes;
    const lines = (this.#rest + bytes.toString('latin1')).split('\r\n');
    this.#rest = lines.pop() ?? '';
    let passed = '';
    for (const line of lines) {
      this.#reply.push(line);
      if (line[3] === '-') continue;
      passed += this.#filtered()
        .map((kept) => `${kept}\r\n`)
        .join('');
      this.#opaque = this.#startTls && line.startsWith('220');
      this.#startTls &&= this.#opaque;
      this.#reply = [];
    }
    return Buffer.from(passed, 'latin1');
  }

  #filtered(): string[] {
    const [first = '', ...more] = this.#reply;
    if (more.length === 0 || !first.startsWith('250-')) return this.#reply;
    const kept = more.filter((line) => !this.#strip.has(line.slice(4).split(' ')[0]?.toUpperCase() ?? ''));
    return [first, ...kept].map((line, i) => `250${i === kept.length ? ' ' : '-'}${line.slice(4)}`);
  }
}
