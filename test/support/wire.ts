/** SMTP and IMAP spoken by hand over a real socket, octet for octet: what no well-behaved client would send or show. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface SmtpReply {
  readonly code: number;
  /** All lines, parted by LF. */
  readonly text: string;
}

class Wire {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  static async open(host: string, port: number): Promise<Wire> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return new Wire(socket);
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  write(...parts: readonly (Uint8Array | string)[]): void {
    this.#socket.cork();
    for (const part of parts) this.#socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
    this.#socket.uncork();
  }

  /** A line as a binary string, without its CRLF. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end >= 0) return this.#take(end + 2).toString('latin1', 0, end);
      await this.#more();
    }
  }

  async octets(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) await this.#more();
    return this.#take(count);
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const closed = once(this.#socket, 'close');
    this.#socket.end();
    await closed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error('the server has closed', { cause: this.#failure });
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

export class SmtpWire {
  readonly #wire: Wire;

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Connected, greeted, and known as `wire.test`. */
  static async open(host: string, port: number, hello = 'EHLO'): Promise<SmtpWire> {
    const smtp = new SmtpWire(await Wire.open(host, port));
    await smtp.reply();
    await smtp.ask(`${hello} wire.test\r\n`);
    return smtp;
  }

  async ask(...parts: readonly (Uint8Array | string)[]): Promise<SmtpReply> {
    this.#wire.write(...parts);
    return await this.reply();
  }

  /** MAIL, RCPT and the content as it stands (dots are stuffed), in one transaction; answers the last reply. */
  async data(from: string, to: string, content: Buffer): Promise<SmtpReply> {
    const begun = await this.#begin(from, to);
    if (begun.code !== 250) return begun;
    const ready = await this.ask('DATA\r\n');
    if (ready.code !== 354) return ready;
    // RFC 5321 §4.5.2: a dot that starts a line is doubled.
    return await this.ask(`\r\n${content.toString('latin1')}`.replaceAll('\r\n.', '\r\n..').slice(2), '.\r\n');
  }

  /** The same by BDAT (RFC 3030), in two chunks. */
  async bdat(from: string, to: string, content: Buffer): Promise<SmtpReply> {
    const begun = await this.#begin(from, to);
    if (begun.code !== 250) return begun;
    const half = content.length >> 1;
    const first = await this.ask(`BDAT ${half}\r\n`, content.subarray(0, half));
    const last = await this.ask(`BDAT ${content.length - half} LAST\r\n`, content.subarray(half));
    return first.code === 250 ? last : first;
  }

  async close(): Promise<void> {
    await this.ask('QUIT\r\n');
    await this.#wire.close();
  }

  /** Whatever is under way. */
  destroy(): void {
    this.#wire.destroy();
  }

  async #begin(from: string, to: string): Promise<SmtpReply> {
    this.#wire.write(`RSET\r\nMAIL FROM:<${from}> BODY=8BITMIME\r\nRCPT TO:<${to}>\r\n`);
    const replies = [await this.reply(), await this.reply(), await this.reply()];
    return replies.find(({ code }) => code !== 250) ?? (replies[2] as SmtpReply);
  }

  async reply(): Promise<SmtpReply> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.#wire.line();
      lines.push(line);
      if (line[3] !== '-') return { code: Number(line.slice(0, 3)), text: lines.join('\n') };
    }
  }
}

export class ImapWire {
  readonly #wire: Wire;
  #tags = 0;

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  static async open(host: string, port: number, user: string, password: string): Promise<ImapWire> {
    const imap = new ImapWire(await Wire.open(host, port));
    await imap.#response();
    await imap.must(`LOGIN "${user}" "${password}"`);
    return imap;
  }

  /** The untagged responses and last the tagged one (its tag left out), as binary strings with their literals in them. */
  async ask(...parts: readonly (Uint8Array | string)[]): Promise<string[]> {
    const tag = `w${++this.#tags}`;
    this.#wire.write(`${tag} `, ...parts, '\r\n');
    const responses: string[] = [];
    for (;;) {
      const response = await this.#response();
      if (response.startsWith(`${tag} `)) return [...responses, response.slice(tag.length + 1)];
      responses.push(response);
    }
  }

  /** Throws when the answer is not OK. */
  async must(...parts: readonly (Uint8Array | string)[]): Promise<string[]> {
    const responses = await this.ask(...parts);
    const last = responses.at(-1) ?? '';
    if (!last.startsWith('OK')) throw new Error(`${String(parts[0])}: ${last}`);
    return responses;
  }

  /** APPEND with a non-synchronizing literal; `binary` makes it a literal8 (RFC 3516 §4.4). Answers the tagged response. */
  async append(mailbox: string, content: Buffer, binary = false): Promise<string> {
    const responses = await this.ask(`APPEND ${mailbox} ${binary ? '~' : ''}{${content.length}+}\r\n`, content);
    return responses.at(-1) ?? '';
  }

  /** Selects a mailbox and idles in it until it holds so many messages. */
  async selectAndWait(mailbox: string, count: number): Promise<void> {
    const exists = `* ${count} EXISTS`;
    if ((await this.must(`SELECT ${mailbox}`)).includes(exists)) return;
    const tag = `w${++this.#tags}`;
    this.#wire.write(`${tag} IDLE\r\n`);
    while ((await this.#response()) !== exists);
    this.#wire.write('DONE\r\n');
    while (!(await this.#response()).startsWith(`${tag} OK`));
  }

  async close(): Promise<void> {
    await this.ask('LOGOUT');
    await this.#wire.close();
  }

  /** Whatever is under way. */
  destroy(): void {
    this.#wire.destroy();
  }

  async #response(): Promise<string> {
    let response = '';
    for (;;) {
      response += await this.#wire.line();
      const size = /\{(\d+)\}$/.exec(response.slice(-20))?.[1];
      if (size === undefined) return response;
      response += `\r\n${(await this.#wire.octets(Number(size))).toString('latin1')}`;
    }
  }
}

/** The items of one FETCH response by name; strings and literals as binary strings, lists as they stand, NIL as undefined. */
export function fetchItems(response: string): Map<string, string | undefined> {
  const items = new Map<string, string | undefined>();
  let at = response.indexOf('(') + 1;
  while (response[at] !== ')') {
    const name = /^ ?([A-Z0-9.]+(?:\[[^\]]*\])?) /.exec(response.slice(at, at + 400));
    if (name === null) throw new Error(`no name of an item: ${response.slice(at, at + 60)}`);
    at += name[0].length;
    const end = endOfValue(response, at);
    items.set(name[1] as string, unquoted(response.slice(at, end)));
    at = end;
  }
  return items;
}

const LITERAL = /^~?\{(\d+)\}\r\n/;
const QUOTED = /^"(?:[^"\\]|\\.)*"/s;
const ATOM = /^[^ ()"]+/;

function endOfValue(text: string, start: number): number {
  let at = start;
  let depth = 0;
  do {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')') depth -= 1;
    at += lengthOfToken(text, at);
  } while (depth > 0);
  return at;
}

function lengthOfToken(text: string, at: number): number {
  const literal = LITERAL.exec(text.slice(at, at + 20));
  if (literal !== null) return literal[0].length + Number(literal[1]);
  if (text[at] === '"') return QUOTED.exec(text.slice(at, at + 100_000))?.[0].length ?? 1;
  return ATOM.exec(text.slice(at, at + 1000))?.[0].length ?? 1;
}

function unquoted(text: string): string | undefined {
  if (text === 'NIL') return undefined;
  const literal = LITERAL.exec(text.slice(0, 20));
  if (literal !== null) return text.slice(literal[0].length);
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text;
}
