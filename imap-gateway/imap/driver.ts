/**
 * Drives one connection: bytes to commands by the framer, commands to the table, strictly one after the other (RFC 9051 §5.5: so that pipelined
 * commands are never ambiguous), results to the output. `serveConnection` returns when the connection is over; only faults of ours are logged.
 */
import type { ChannelBinding } from '#mail/sasl/exchange.ts';
import type { Log } from '#runtime/ambient.ts';
import { type Connection, ConnectionClosed } from '#runtime/connection.ts';
import type { Login } from '#store/directory.ts';
import { ConnectionOutput } from '../session/output.ts';
import { capabilityLine } from './capability.ts';
import {
  bad,
  type Command,
  type CommandContext,
  type Completion,
  type ConnectionFacts,
  type ImapServices,
  type LiteralSink,
  type PreparedCommand,
} from './command.ts';
import { formatCompletion, readHead, refusal } from './dispatch.ts';
import {
  type CommandPart,
  Framer,
  type FramerEvent,
  LIMITS_AFTER_LOGIN,
  LIMITS_BEFORE_LOGIN,
  SWALLOW_LIMIT,
} from './framer.ts';
import { ParseError } from './grammar/parse-error.ts';
import { leaveMailbox, MailboxGone, reportNews } from './notify.ts';
import { newSession, type Session } from './session.ts';

export interface DriverOptions {
  readonly services: ImapServices;
  readonly table: ReadonlyMap<string, Command>;
  /** A certificate is there, so that STARTTLS can be offered. */
  readonly canStartTls: boolean;
  /** Offer SCRAM-SHA-256-PLUS. */
  readonly channelBinding?: boolean;
  readonly log: Log;
  /** Told when somebody logs in. */
  readonly loggedIn?: (login: Login) => void;
  /** Told of each tagged answer, for counting: a command's name, in milliseconds since the command was whole. */
  readonly answered?: (command: string, result: Completion['status'], ms: number) => void;
}

const HANDSHAKE_MS = 30_000;
const GOODBYE_MS = 5_000;
/** Commands of one client that are answered before all others have had their turn: one who sends thousands at once holds nobody up. */
const COMMANDS_A_TURN = 100;

type LiteralEvent = Extract<FramerEvent, { type: 'literal' }>;

export async function serveConnection(connection: Connection, options: DriverOptions): Promise<void> {
  await new Driver(connection, options).run();
}

class Driver {
  readonly #connection: Connection;
  readonly #options: DriverOptions;
  readonly #log: Log;
  readonly #session: Session;
  readonly #output: ConnectionOutput;
  readonly #framer = new Framer(LIMITS_BEFORE_LOGIN);
  /** Streamed literals of the command that is coming in. */
  #sinks: LiteralSink[] = [];
  #badInRow = 0;
  /** Somebody is logged in, and that was told. */
  #known = false;
  #over = false;
  /** The command that is being answered. */
  #current: { readonly name: string; readonly begun: number } | undefined;

  constructor(connection: Connection, options: DriverOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#session = newSession(connection.id);
    this.#log = options.log.child({ session: connection.id });
    this.#output = new ConnectionOutput(connection, () => this.#extendDeadline());
  }

  async run(): Promise<void> {
    try {
      this.#connection.deadline(this.#options.services.limits.loginTimeout);
      this.#greet();
      for (let count = 1; !this.#over; count++) {
        const event = await this.#nextEvent();
        if (event === undefined) break;
        await this.#handle(event);
        if (count % COMMANDS_A_TURN === 0) await this.#giveWay();
      }
    } catch (error) {
      await this.#sayGoodbye(error);
    } finally {
      await this.#abortSinks();
      leaveMailbox(this.#session);
      this.#session.state = { name: 'logout' };
      await this.#end();
    }
  }

  /** Promises alone never let another socket speak; the next turn of the event loop does, and unlike a timer it takes no millisecond. */
  #giveWay(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  #greet(): void {
    const { hostname } = this.#options.services;
    this.#output.write(`* OK [CAPABILITY ${this.#capabilities()}] ${hostname} Peerpost IMAP ready\r\n`);
  }

  /** The framer's next event; what was written leaves before we wait. `undefined` when the client has finished sending. */
  async #nextEvent(): Promise<FramerEvent | undefined> {
    for (;;) {
      const event = this.#framer.next();
      if (event !== undefined) return event;
      await this.#output.settle();
      this.#extendDeadline();
      const bytes = await this.#connection.read();
      if (bytes === null) return undefined;
      this.#framer.push(bytes);
    }
  }

  /** RFC 9051 §5.4: at least 30 minutes once logged in. Before that one absolute deadline stands for everything. */
  #extendDeadline(): void {
    if (this.#session.state.name === 'not-authenticated') return;
    this.#connection.deadline(this.#options.services.limits.idleTimeout);
  }

  async #handle(event: FramerEvent): Promise<void> {
    if (this.#connection.signal.aborted) throw this.#connection.signal.reason;
    switch (event.type) {
      case 'command':
        return this.#command(event.parts, event.bareLf);
      case 'literal':
        return this.#literal(event);
      case 'overflow':
        return this.#answer(readHead(event.parts, this.#session).tag, bad('Command line too long', 'TOOBIG'));
      case 'endless':
        this.#output.write('* BYE [TOOBIG] A line without an end\r\n');
        this.#over = true;
        return;
      default:
        throw new Error(`the framer gave ${event.type} out of turn`);
    }
  }

  async #command(parts: readonly CommandPart[], bareLf: boolean): Promise<void> {
    const head = readHead(parts, this.#session);
    this.#begin(head.command?.name);
    if (bareLf) return this.#answer(head.tag, bad('Lines end with CRLF'));
    if (head.command === undefined) return this.#answer(head.tag, bad(head.problem));
    const found = this.#lookUp(head.command.name, head.command.uid);
    if (typeof found === 'string') return this.#answer(head.tag, bad(found));
    const context = this.#context(head.tag);
    let prepared: PreparedCommand;
    try {
      prepared = found.prepare(head.cursor, { uid: head.command.uid, session: this.#session });
    } catch (error) {
      return this.#answer(head.tag, refusal(error, context));
    }
    await this.#run(prepared, context);
  }

  async #run(prepared: PreparedCommand, context: CommandContext): Promise<void> {
    const sinks = this.#sinks;
    let completion: Completion;
    try {
      completion = await prepared.run(context, sinks);
      this.#sinks = [];
    } catch (error) {
      completion = refusal(error, context);
    }
    await this.#answer(context.tag, completion, context, prepared);
  }

  /** Reports what else changed, then the tagged result, then does what the result asks for. */
  async #answer(
    tag: string,
    completion: Completion,
    context?: CommandContext,
    prepared?: PreparedCommand,
  ): Promise<void> {
    await this.#abortSinks();
    if (context !== undefined && prepared !== undefined) await reportNews(context, prepared.updates);
    this.#output.write(formatCompletion(tag, completion));
    this.#count(completion);
    this.#badInRow = completion.status === 'BAD' ? this.#badInRow + 1 : 0;
    this.#noticeLogin();
    if (completion.afterwards !== undefined) {
      this.#output.flush();
      await completion.afterwards();
    }
    if (completion.followedBy === 'start-tls') await this.#startTls();
    if (completion.followedBy === 'close') this.#over = true;
    if (this.#badInRow >= this.#options.services.limits.badCommands) {
      this.#output.write('* BYE Too many bad commands\r\n');
      this.#over = true;
    }
  }

  #begin(name: string | undefined): void {
    if (this.#options.answered === undefined) return;
    const known = name !== undefined && this.#options.table.has(name) ? name : 'unknown';
    this.#current = { name: known, begun: performance.now() };
  }

  #count({ status }: Completion): void {
    const { name, begun } = this.#current ?? { name: 'unknown', begun: performance.now() };
    this.#current = undefined;
    this.#options.answered?.(name, status, performance.now() - begun);
  }

  #noticeLogin(): void {
    const { state } = this.#session;
    if (this.#known || state.name === 'not-authenticated' || state.name === 'logout') return;
    this.#known = true;
    this.#framer.setLimits(LIMITS_AFTER_LOGIN);
    this.#options.loggedIn?.(state.login);
  }

  /** The command, or what is wrong with asking for it. */
  #lookUp(name: string, uid: boolean): Command | string {
    const command = this.#options.table.get(name);
    if (command === undefined || (uid && command.uid === false) || (!uid && command.uid === 'only')) {
      return 'Unknown command';
    }
    const state = this.#session.state.name;
    return command.allowedIn.includes(state) ? command : `${name} is not possible in the ${state} state`;
  }

  async #literal(event: LiteralEvent): Promise<void> {
    const head = readHead(event.parts, this.#session);
    const context = this.#context(head.tag);
    try {
      const sink = await this.#openSink(event, head, context);
      if (sink !== undefined) return await this.#stream(event, sink);
    } catch (error) {
      // What the client still sends of the command is swallowed, and the answer is the command's.
      this.#framer.abandon();
      return this.#answer(head.tag, refusal(error, context));
    }
    if (event.fits) {
      if (event.sync) this.#output.write('+ Ready for the literal\r\n');
      return this.#framer.accept();
    }
    this.#framer.refuse();
    // Not worth being swallowed: RFC 7888 §4 allows to close instead.
    if (!event.sync && event.size > SWALLOW_LIMIT) {
      this.#output.write('* BYE [TOOBIG] Literal too large\r\n');
      this.#over = true;
      return;
    }
    await this.#answer(head.tag, bad('Literal too large', 'TOOBIG'));
  }

  async #openSink(event: LiteralEvent, head: ReturnType<typeof readHead>, context: CommandContext) {
    if (head.command === undefined) return undefined;
    const command = this.#lookUp(head.command.name, head.command.uid);
    if (typeof command === 'string') return undefined;
    const { parts, size, binary } = event;
    return command.openLiteral?.({ parts, cursor: head.cursor, size, binary }, context);
  }

  async #stream(event: LiteralEvent, sink: LiteralSink): Promise<void> {
    this.#sinks.push(sink);
    this.#framer.stream();
    if (event.sync) this.#output.write('+ Ready for the literal\r\n');
    for (;;) {
      const next = await this.#nextEvent();
      if (next === undefined) throw new ConnectionClosed('closed');
      if (next.type === 'chunk') {
        const written = sink.write(next.bytes);
        if (written !== undefined) await written;
      } else if (next.type === 'literal-end') {
        return sink.end();
      } else {
        throw new Error(`the framer gave ${next.type} inside a literal`);
      }
    }
  }

  async #abortSinks(): Promise<void> {
    const sinks = this.#sinks;
    this.#sinks = [];
    for (const sink of sinks) await sink.abort();
  }

  /** RFC 9051 §6.2.1: nothing read in the clear survives, and what the client said of itself is forgotten. */
  async #startTls(): Promise<void> {
    await this.#output.settle();
    await this.#connection.startTls(HANDSHAKE_MS);
    this.#framer.reset();
    this.#session.enabled.clear();
  }

  #context(tag: string): CommandContext {
    const { services } = this.#options;
    const context: CommandContext = {
      tag,
      session: this.#session,
      services,
      connection: this.#facts(),
      out: this.#output,
      log: this.#log,
      signal: this.#connection.signal,
      ask: (text) => {
        this.#output.write(`+ ${text}\r\n`);
        return this.#nextLine();
      },
      nextLine: () => this.#nextLine(),
      report: (scope) => reportNews(context, scope),
      capabilities: () => this.#capabilities(),
    };
    return context;
  }

  async #nextLine(): Promise<Buffer> {
    const event = await this.#nextEvent();
    if (event === undefined) throw new ConnectionClosed('closed');
    const part = event.type === 'command' && event.parts.length === 1 && !event.bareLf ? event.parts[0] : undefined;
    if (part?.kind === 'text') return part.bytes;
    if (event.type === 'literal') this.#framer.refuse();
    throw new ParseError('expected a plain line', 0);
  }

  #facts(): ConnectionFacts {
    const { remote, loopback, tls } = this.#connection;
    return {
      tls: tls !== undefined,
      canStartTls: tls === undefined && this.#options.canStartTls,
      loopback,
      binding: () => this.#binding(),
      remote: remote === 'unix' ? remote : remote.address,
    };
  }

  #binding(): ChannelBinding | undefined {
    const data = this.#options.channelBinding === true ? this.#connection.tls?.exporter() : undefined;
    return data && { type: 'tls-exporter', data };
  }

  #capabilities(): string {
    const { table, services } = this.#options;
    const facts = { connection: this.#facts(), session: this.#session, limits: services.limits };
    return capabilityLine(table.values(), facts);
  }

  /** RFC 9051 §7.1.5: BYE says why. A client that is gone hears nothing. */
  async #sayGoodbye(error: unknown): Promise<void> {
    const words = this.#farewell(error);
    if (words === undefined) return;
    this.#connection.deadline(GOODBYE_MS);
    this.#output.write(`* BYE ${words}\r\n`);
  }

  #farewell(error: unknown): string | undefined {
    if (error instanceof MailboxGone) return error.message;
    if (!(error instanceof ConnectionClosed)) {
      this.#log.error({ err: error }, 'session ended by a fault');
      return `[SERVERBUG] Internal error, session ${this.#connection.id}`;
    }
    if (error.reason === 'draining') return '[UNAVAILABLE] The server ends this session';
    return error.reason === 'deadline' ? 'Idle for too long' : undefined;
  }

  async #end(): Promise<void> {
    try {
      await this.#output.settle();
      await this.#connection.end();
    } catch (error) {
      if (!(error instanceof ConnectionClosed)) throw error;
      this.#connection.destroy();
    }
  }
}
