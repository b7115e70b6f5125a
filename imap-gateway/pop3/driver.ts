/**
 * Drives one connection: bytes to lines by the framer, lines to the table, strictly one after the other however many came at once (RFC 2449 §6.6),
 * answers to the output. `serveConnection` returns when the connection is over. Whatever ends it but QUIT removes nothing (RFC 1939 §6).
 */

import { MailError } from '#mail/failure.ts';
import type { ChannelBinding } from '#mail/sasl/exchange.ts';
import type { Log } from '#runtime/ambient.ts';
import { type Connection, ConnectionClosed } from '#runtime/connection.ts';
import type { Login } from '#store/directory.ts';
import { ConnectionOutput } from '../session/output.ts';
import { capabilityList } from './capability.ts';
import { BrokenAnswer, type Command, type CommandContext, type ConnectionFacts, type Pop3Services } from './command.ts';
import type { Answered } from './figures.ts';
import { type FramerEvent, LineFramer } from './framer.ts';
import { parseCommandLine } from './grammar/command-line.ts';
import { ParseError } from './grammar/parse-error.ts';
import { refusalFor } from './response/codes.ts';
import { err, formatReply, type Reply } from './response/reply.ts';
import { forgetEverything, newSession, type Session } from './session.ts';

export interface DriverOptions {
  readonly services: Pop3Services;
  readonly table: ReadonlyMap<string, Command>;
  /** A certificate is there, so that STLS can be offered. */
  readonly canStartTls: boolean;
  /** Offer SCRAM-SHA-256-PLUS. */
  readonly channelBinding?: boolean;
  readonly log: Log;
  /** Told when somebody logs in. */
  readonly loggedIn?: (login: Login) => void;
  /** Told of each answer, for counting: a command's name, in milliseconds since the command was whole. */
  readonly answered?: Answered;
}

/** However busy a client is: somebody waits for the end. */
const DRAIN_MOST_MS = 30_000;
const HANDSHAKE_MS = 30_000;
/** Commands of one client that are answered before all others have had their turn: one who sends thousands at once holds nobody up. */
const COMMANDS_A_TURN = 100;

export async function serveConnection(connection: Connection, options: DriverOptions): Promise<void> {
  await new Driver(connection, options).run();
}

class Driver {
  readonly #connection: Connection;
  readonly #options: DriverOptions;
  readonly #log: Log;
  readonly #session: Session;
  readonly #output: ConnectionOutput;
  readonly #framer = new LineFramer();
  readonly #context: CommandContext;
  #nonsense = 0;
  /** Somebody is logged in, and that was told. */
  #known = false;
  /** When a session that drains has to be over, in the clock's milliseconds. */
  #drainUntil: number | undefined;
  #over = false;

  constructor(connection: Connection, options: DriverOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#session = newSession(connection.id);
    this.#log = options.log.child({ session: connection.id });
    this.#output = new ConnectionOutput(connection, () => this.#extendDeadline());
    this.#context = this.#makeContext();
  }

  async run(): Promise<void> {
    const { hostname, limits } = this.#options.services;
    try {
      this.#connection.deadline(limits.loginTimeout);
      // RFC 1939 §7: a greeting with <…> would offer APOP, which needs passwords in the clear in the store.
      this.#output.write(`+OK ${hostname} Peerpost POP3 ready\r\n`);
      for (let count = 1; !this.#over; count++) {
        const event = this.#arrived() ?? (await this.#nextEvent());
        if (event === undefined) break;
        // Nothing is awaited that is there: a turn for each command would cost as much as many commands do.
        const waiting = this.#handle(event);
        if (waiting !== undefined) await waiting;
        if (this.#output.full) await this.#output.ready();
        if (count % COMMANDS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await this.#end();
    } catch (error) {
      await this.#breakOff(error);
    } finally {
      this.#leave();
    }
  }

  /** The framer's next event; what was written leaves before we wait. `undefined` when the client has finished sending. */
  async #nextEvent(): Promise<FramerEvent | undefined> {
    for (;;) {
      const event = this.#arrived();
      if (event !== undefined) return event;
      this.#output.flush();
      if (this.#output.full) await this.#output.ready();
      this.#extendDeadline();
      let bytes: Uint8Array | null;
      try {
        bytes = await this.#connection.read();
      } catch (error) {
        bytes = await this.#readOn(error);
      }
      if (bytes === null) return undefined;
      this.#framer.push(bytes);
    }
  }

  #arrived(): FramerEvent | undefined {
    this.#checkConnection();
    return this.#framer.next();
  }

  /** Before login a drain ends the session; after it the client may go on for as long as it doesn't pause, so that what it has marked is not lost. */
  async #readOn(error: unknown): Promise<Uint8Array | null> {
    const draining = error instanceof ConnectionClosed && error.reason === 'draining';
    if (!draining || this.#session.state.name !== 'transaction') throw error;
    this.#drainUntil ??= this.#options.services.clock.now() + DRAIN_MOST_MS;
    this.#extendDeadline();
    return await this.#connection.read();
  }

  /** What a client that is gone has sent last isn't done any more, above all no QUIT. */
  #checkConnection(): void {
    const { signal } = this.#connection;
    if (!signal.aborted) return;
    const reason: unknown = signal.reason;
    if (!(reason instanceof ConnectionClosed) || reason.reason !== 'draining') throw reason;
  }

  /** RFC 1939 §3: at least ten minutes once logged in. Before that one absolute deadline stands for everything. */
  #extendDeadline(): void {
    if (this.#session.state.name === 'authorization') return;
    const { limits, clock } = this.#options.services;
    if (this.#drainUntil === undefined) this.#connection.deadline(limits.idleTimeout);
    else this.#connection.deadline(Math.max(0, Math.min(limits.drainTimeout, this.#drainUntil - clock.now())));
  }

  /** Answers a promise where something has to be waited for. */
  #handle(event: FramerEvent): undefined | Promise<void> {
    if (event.type === 'endless') {
      this.#output.write(formatReply(err('A line without an end')));
      this.#over = true;
      return undefined;
    }
    const begun = performance.now();
    let command: Command | undefined;
    const finish = (reply: Reply): undefined | Promise<void> => {
      const told = (): undefined => {
        this.#options.answered?.(command?.name ?? 'unknown', reply.ok, performance.now() - begun);
        return undefined;
      };
      return this.#answer(reply)?.then(told) ?? told();
    };
    let outcome: Reply | Promise<Reply>;
    try {
      if (event.type === 'overflow') throw new ParseError('Line too long');
      if (event.bareLf) throw new ParseError('Lines end with CRLF');
      const { name, rest } = parseCommandLine(event.bytes);
      command = this.#options.table.get(name);
      outcome = this.#find(command, name).prepare(rest)(this.#context);
    } catch (error) {
      outcome = this.#refusal(error);
    }
    if (!(outcome instanceof Promise)) return finish(outcome);
    return outcome.then(finish, (error: unknown) => finish(this.#refusal(error)));
  }

  #find(command: Command | undefined, name: string): Command {
    if (command === undefined) throw new ParseError('Unknown command');
    const state = this.#session.state.name;
    if (!command.allowedIn.includes(state)) throw new ParseError(`${name} is not possible in the ${state} state`);
    return command;
  }

  #refusal(error: unknown): Reply {
    if (error instanceof ConnectionClosed || error instanceof BrokenAnswer) throw error;
    if (error instanceof ParseError) return { ...err(error.message), nonsense: true };
    if (!(error instanceof MailError)) this.#log.error({ err: error }, 'a command failed');
    return refusalFor(error, this.#session.id);
  }

  #answer(reply: Reply): undefined | Promise<void> {
    if (reply.written !== true) this.#output.write(formatReply(reply));
    this.#nonsense = reply.nonsense === true ? this.#nonsense + 1 : 0;
    this.#noticeLogin();
    if (reply.followedBy === 'close') this.#over = true;
    if (this.#nonsense >= this.#options.services.limits.badCommands) this.#over = true;
    return reply.followedBy === 'start-tls' ? this.#startTls() : undefined;
  }

  #noticeLogin(): void {
    const { state } = this.#session;
    if (this.#known || state.name !== 'transaction') return;
    this.#known = true;
    this.#options.loggedIn?.(state.login);
  }

  async #startTls(): Promise<void> {
    await this.#output.settle();
    await this.#connection.startTls(HANDSHAKE_MS);
    this.#framer.reset();
    forgetEverything(this.#session);
  }

  #makeContext(): CommandContext {
    const { services, table } = this.#options;
    const connection = this.#facts();
    return {
      session: this.#session,
      services,
      connection,
      out: this.#output,
      log: this.#log,
      ask: (text) => this.#ask(text),
      capabilities: () =>
        capabilityList(table.values(), { connection, session: this.#session, policy: services.policy }),
    };
  }

  async #ask(text: string): Promise<string> {
    this.#output.write(`+ ${text}\r\n`);
    const event = await this.#nextEvent();
    if (event === undefined) throw new ConnectionClosed('closed');
    if (event.type !== 'line' || event.bareLf) throw new ParseError('A line was expected');
    return event.bytes.toString('latin1');
  }

  #facts(): ConnectionFacts {
    const connection = this.#connection;
    const { remote, loopback } = connection;
    const { canStartTls, channelBinding } = this.#options;
    return {
      get tls() {
        return connection.tls !== undefined;
      },
      get canStartTls() {
        return connection.tls === undefined && canStartTls;
      },
      loopback,
      binding: (): ChannelBinding | undefined => {
        const data = channelBinding === true ? connection.tls?.exporter() : undefined;
        return data && { type: 'tls-exporter', data };
      },
      remote: remote === 'unix' ? remote : remote.address,
    };
  }

  async #end(): Promise<void> {
    await this.#output.settle();
    await this.#connection.end();
  }

  /** RFC 1939 §3: the autologout timer closes without a word, and POP3 has none for other ends. */
  async #breakOff(error: unknown): Promise<void> {
    const closed = error instanceof ConnectionClosed;
    if (closed && (error.reason === 'deadline' || error.reason === 'draining')) return await this.#connection.end();
    if (error instanceof BrokenAnswer) {
      const { cause } = error;
      if (!(cause instanceof ConnectionClosed)) this.#log.warn({ err: cause }, 'a message could not be sent whole');
    } else if (!closed) {
      this.#log.error({ err: error }, 'session ended by a fault');
    }
    this.#connection.destroy();
  }

  #leave(): void {
    const { state } = this.#session;
    if (state.name !== 'transaction') return;
    state.lock.release();
    const { deleted, retrieved } = state.maildrop;
    this.#log.info({ login: state.login.address, retrieved, marked: deleted }, 'gone without QUIT');
  }
}
