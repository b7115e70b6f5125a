/**
 * Runs a scripted dialog, one case a file. Several sessions may take part: the digit behind a letter names one (none is 1).
 * - `# …` says what the dialog shows (RFC sections);
 * - `O2: loopback|clear|tls` opens a connection and leaves the greeting to the script;
 * - `U2: alice` opens one from loopback and logs in, without showing it (`World.logIn`; of IMAP: with `select INBOX` behind the name, selects too);
 * - `C2: text` is sent with CRLF; consecutive ones of a session leave in one write, as a pipelining client sends them;
 * - `S2: text` is the session's next line; `{{…}}` holds a regular expression, `{{name:=…}}` one whose match later lines get with `<<name>>`;
 * - `S2~ text` passes over lines until one matches;
 * - `S2: <end>` means that the server has closed, `S2: <nothing>` that it says nothing more for now;
 * - `T: ms` lets time pass; `D2: drain` lets the server drain the session, `D2: lost` loses the connection;
 * - other letters are the world's own (`World.act`).
 */
import assert from 'node:assert/strict';
import { type FakeClock, settle } from '#test/support/clock.ts';
import type { MemoryConnection } from '#test/support/memory-connection.ts';

/** How a client comes in. */
export type Arrival = 'loopback' | 'clear' | 'tls';

interface Connected {
  readonly client: MemoryConnection;
  readonly server: MemoryConnection;
  readonly ended: Promise<void>;
}

/** What dialogs of a protocol happen in. */
export interface World {
  readonly clock: FakeClock;
  connect(arrival: Arrival): Connected;
  /** What is sent for `U: text`, and a line that each is answered with. */
  logIn(text: string): readonly (readonly [command: string, answer: string])[];
  /** A step under a letter of the world's own; throws when what it says doesn't hold. */
  act?(letter: string, text: string): Promise<void>;
}

interface Session extends Connected {
  text: string;
  over: boolean;
  /** Lines of the client that were not sent yet. */
  group: string;
}

const STEP = /^([A-Z])(\d?)([:~])(?: (.*))?$/;

export async function runScript(script: string, world: World): Promise<void> {
  const run = new Run(world);
  try {
    for (const [index, step] of script.split('\n').entries()) {
      if (step.trim() === '' || step.startsWith('#')) continue;
      const at = `line ${index + 1}: ${step}`;
      const match = STEP.exec(step);
      assert.ok(match, `not understood: ${at}`);
      const [, letter = '', digit = '', mark = '', text = ''] = match;
      await run.step(letter, digit || '1', mark, text, at);
    }
  } finally {
    await run.end();
  }
}

class Run {
  readonly #world: World;
  readonly #sessions = new Map<string, Session>();
  readonly #variables = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  async step(letter: string, name: string, mark: string, text: string, at: string): Promise<void> {
    if (letter === 'C') {
      this.#session(name, at).group += `${this.#substitute(text)}\r\n`;
      return;
    }
    await this.#sendAll();
    if (letter === 'O') this.#open(name, text as Arrival);
    else if (letter === 'U') await this.#logIn(name, text, at);
    else if (letter === 'T') await this.#world.clock.advance(Number(text));
    else if (letter === 'D' && text === 'lost') await this.#lose(this.#session(name, at));
    else if (letter === 'D') this.#session(name, at).server.drain();
    else if (letter === 'S') await this.#expect(this.#session(name, at), mark, text, at);
    else if (this.#world.act)
      await this.#world.act(letter, text).catch((error: Error) => assert.fail(`${at}\n${error.message}`));
    else assert.fail(`not understood: ${at}`);
  }

  async #lose(session: Session): Promise<void> {
    session.client.destroy();
    await session.ended;
  }

  async end(): Promise<void> {
    await this.#sendAll();
    for (const { client } of this.#sessions.values()) await client.end();
    for (const { ended } of this.#sessions.values()) await ended;
  }

  #session(name: string, at: string): Session {
    const session = this.#sessions.get(name);
    assert.ok(session, `no such session: ${at}`);
    return session;
  }

  async #sendAll(): Promise<void> {
    for (const session of this.#sessions.values()) {
      const { group } = session;
      session.group = '';
      if (group !== '') await session.client.write(group);
    }
  }

  #open(name: string, arrival: Arrival): Session {
    const session = { ...this.#world.connect(arrival), text: '', over: false, group: '' };
    this.#sessions.set(name, session);
    return session;
  }

  async #logIn(name: string, text: string, at: string): Promise<void> {
    const session = this.#open(name, 'loopback');
    for (const [command, answer] of this.#world.logIn(text)) {
      await session.client.write(`${command}\r\n`);
      await this.#expect(session, '~', answer, at);
    }
  }

  async #expect(session: Session, mark: string, pattern: string, at: string): Promise<void> {
    if (pattern === '<nothing>') {
      await settle();
      assert.equal(session.text + (await buffered(session)), '', at);
      return;
    }
    const passed: string[] = [];
    for (;;) {
      const line = await nextLine(session);
      if (this.#matches(pattern, line ?? '<end>')) return;
      passed.push(line ?? '<end>');
      if (mark !== '~' || line === undefined) assert.fail(`${at}\nthe server said: ${passed.join('\n')}`);
    }
  }

  #matches(pattern: string, line: string): boolean {
    const names: string[] = [];
    const source = this.#substitute(pattern)
      .split(/(\{\{.*?\}\})/)
      .map((piece) => {
        const inner = /^\{\{(?:(\w+):=)?(.*)\}\}$/.exec(piece);
        if (inner === null) return piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
        if (inner[1] === undefined) return `(?:${inner[2]})`;
        names.push(inner[1]);
        return `(${inner[2]})`;
      })
      .join('');
    const found = new RegExp(`^${source}$`).exec(line);
    if (found === null) return false;
    for (const [i, name] of names.entries()) this.#variables.set(name, found[i + 1] ?? '');
    return true;
  }

  #substitute(text: string): string {
    return text.replaceAll(/<<(\w+)>>/g, (_, name: string) => this.#variables.get(name) ?? assert.fail(`no ${name}`));
  }
}

async function nextLine(session: Session): Promise<string | undefined> {
  for (;;) {
    const end = session.text.indexOf('\r\n');
    if (end >= 0) {
      const line = session.text.slice(0, end);
      session.text = session.text.slice(end + 2);
      return line;
    }
    if (session.over) return undefined;
    const chunk = await session.client.read();
    if (chunk === null) session.over = true;
    else session.text += Buffer.from(chunk).toString('utf8');
  }
}

async function buffered(session: Session): Promise<string> {
  let text = '';
  while (session.client.buffered > 0) text += Buffer.from((await session.client.read()) ?? []).toString('utf8');
  return text;
}
