/**
 * The engine that receives SMTP (mta) and LMTP (mda): it reads commands, finds them in a table, checks state and syntax, runs them, keeps replies
 * in order, moves content into sinks, and holds the client to its deadlines. It knows no policy: that is in the commands.
 */
import { splitCommand } from '#mail/smtp/command.ts';
import { replyToError } from '#mail/smtp/failure-replies.ts';
import { type LineEvent, LineSplitter } from '#mail/smtp/line-splitter.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { CommandSyntaxError } from '#mail/smtp/syntax-error.ts';
import type { Clock, Log } from '../ambient.ts';
import { type Connection, ConnectionClosed } from '../connection.ts';
import type { After, Command, CommandTable, Context, Step } from './command-table.ts';
import { Content } from './receiver-content.ts';
import { EndlessContent, Intake } from './receiver-intake.ts';
import type { PaceLimits } from './receiver-pace.ts';
import { Patience, type PatienceLimits } from './receiver-patience.ts';
import { isDeferral, isError, lineReply, outOfSequence } from './receiver-refusals.ts';
import { ReplyQueue } from './receiver-replies.ts';
import { Stranger } from './receiver-stranger.ts';
import { abandon, type Session } from './session.ts';

/** Times are absolute: single octets don't extend them. */
export interface ReceiverLimits extends PatienceLimits, PaceLimits {
  /** Milliseconds for one command from when it is the client's turn. */
  readonly commandTimeout: number;
  readonly messageSize: number;
  readonly lineLength: number;
  /** Deferred replies that a client may have outstanding. */
  readonly outstanding: number;
}

/** Postfix's numbers for errors, for commands to no purpose and for recipients beyond the limit; 64 outstanding messages fill a commit. */
export const RECEIVER_DEFAULTS = {
  slowAfterErrors: 10,
  dropAfterErrors: 20,
  idleCommands: 100,
  deferrals: 1000,
  outstanding: 64,
} as const;

export interface ReceiverOptions<R, L> {
  readonly connection: Connection;
  readonly commands: CommandTable<R, L>;
  /** The first reply; anything but 2xx ends the session. */
  greeting(): Reply | Promise<Reply>;
  /** Milliseconds to wait for those who speak before they are spoken to; 0 doesn't look. */
  readonly greetingPause: number;
  readonly limits: ReceiverLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each reply, for counting: the verb as it came. */
  readonly replied?: (verb: string, reply: Reply) => void;
}

const TLS_TIMEOUT = 30_000;
const GOODBYE_TIMEOUT = 5_000;
const ERROR_DELAY = 1_000;
/** RFC 5321 §4.5.3.1.4. */
const LINE_LIMIT = 512;

/** Serves one connection until it ends. Does not reject. */
export async function receive<R, L>(options: ReceiverOptions<R, L>): Promise<void> {
  await new Receiver(options).run();
}

class Receiver<R, L> {
  readonly #options: ReceiverOptions<R, L>;
  readonly #connection: Connection;
  readonly #commands: CommandTable<R, L>;
  readonly #limits: ReceiverLimits;
  readonly #log: Log;
  readonly #lines: LineSplitter;
  readonly #replies: ReplyQueue;
  readonly #context: Context;
  readonly #stranger = new Stranger();
  #session: Session<R, L> = { state: 'connected' };
  #early: Promise<Uint8Array | null> | undefined;
  readonly #patience: Patience;
  readonly #intake: Intake;
  #draining = false;
  #verb = '';

  constructor(options: ReceiverOptions<R, L>) {
    this.#options = options;
    this.#connection = options.connection;
    this.#commands = options.commands;
    this.#limits = options.limits;
    this.#patience = new Patience(options.limits);
    this.#log = options.log;
    const limits = Object.values(options.commands).map((command) => command.lineLimit ?? LINE_LIMIT);
    this.#lines = new LineSplitter(Math.max(LINE_LIMIT, ...limits));
    this.#replies = new ReplyQueue(options.connection);
    const { connection, clock } = options;
    this.#intake = new Intake({
      connection,
      clock,
      limits: options.limits,
      lines: this.#lines,
      read: () => this.#read(),
    });
    this.#replies.onIdle = () => this.#connection.deadline(this.#limits.commandTimeout);
    this.#context = {
      connection: options.connection,
      log: options.log,
      clock: options.clock,
      ask: (prompt) => this.#ask(prompt),
      content: (sink, how) =>
        new Content(sink, { ...this.#limits, ...how, session: options.connection.id, log: options.log }),
    };
  }

  async run(): Promise<void> {
    try {
      if (await this.#greet()) await this.#converse();
    } catch (error) {
      await this.#broken(error);
    } finally {
      abandon(this.#session);
      await this.#connection.end();
    }
  }

  /** RFC 5321 §3.1 and §4.3.1: the client waits for the greeting; who doesn't is a robot (or smuggles commands through something). */
  async #greet(): Promise<boolean> {
    this.#connection.deadline(this.#limits.commandTimeout);
    const [greeting, early] = await Promise.all([this.#options.greeting(), this.#spokeEarly()]);
    if (early) return this.#goodbye(reply(554, '5.1', 'You speak before you are spoken to'));
    this.#replies.add(greeting);
    await this.#replies.flush();
    return greeting.code < 300;
  }

  async #spokeEarly(): Promise<boolean> {
    const { greetingPause, clock } = this.#options;
    if (greetingPause <= 0) return false;
    const first = this.#connection.read();
    let cancel: () => void = () => undefined;
    const pause = new Promise<undefined>((resolve) => {
      cancel = clock.after(greetingPause, () => resolve(undefined));
    });
    try {
      const chunk = await Promise.race([first, pause]);
      if (chunk === undefined) {
        this.#early = first;
        // It is awaited by the next read; until then its rejection is nobody's fault.
        first.catch(() => undefined);
      }
      return chunk !== undefined && chunk !== null;
    } finally {
      cancel();
    }
  }

  /** Most steps have nothing to wait for, and then nothing is awaited: pipelined groups run through at once. */
  async #converse(): Promise<void> {
    for (;;) {
      const event = (this.#draining ? undefined : this.#lines.next()) ?? (await this.#nextLine());
      if (event === undefined) return;
      const step = event === 'draining' ? this.#shutdown() : this.#step(event);
      const goesOn = this.#obey(step instanceof Promise ? await step : step);
      if (!(typeof goesOn === 'boolean' ? goesOn : await goesOn)) return;
    }
  }

  /** The next command line; `undefined` when the client has gone. */
  async #nextLine(): Promise<LineEvent | 'draining' | undefined> {
    let turn = false;
    for (;;) {
      if (this.#draining) return 'draining';
      const event = this.#lines.next();
      if (event !== undefined) return event;
      if (!turn) {
        turn = true;
        // The deadline starts when the client has all our answers, and holds for the whole line.
        this.#connection.deadline(this.#replies.outstanding > 0 ? undefined : this.#limits.commandTimeout);
      }
      const chunk = await this.#read();
      if (chunk === null) return undefined;
      if (chunk !== undefined) this.#lines.push(chunk);
    }
  }

  /** `undefined` when the server began to drain instead. */
  async #read(): Promise<Uint8Array | null | undefined> {
    const early = this.#early;
    this.#early = undefined;
    // From here on a deferred reply writes itself; what was ready before must go first, or it would wait for ever.
    this.#replies.waiting = true;
    try {
      if (this.#connection.buffered === 0) await this.#replies.flush();
      return await (early ?? this.#connection.read());
    } catch (error) {
      if (!(error instanceof ConnectionClosed) || error.reason !== 'draining') throw error;
      this.#draining = true;
      return undefined;
    } finally {
      this.#replies.waiting = false;
    }
  }

  #step(event: LineEvent): Step<R, L> | Promise<Step<R, L>> {
    try {
      const step = this.#run(event);
      return step instanceof Promise ? step.catch((error: unknown) => this.#failed(error)) : step;
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): Step<R, L> {
    if (error instanceof ConnectionClosed) throw error;
    return { reply: this.#answer(error), next: this.#session };
  }

  #run(event: LineEvent): Step<R, L> | Promise<Step<R, L>> {
    const session = this.#session;
    if (event.defect === 'endless') return this.#close(reply(500, '5.2', 'Line too long'));
    if (event.defect !== undefined) return { reply: lineReply(event.defect), next: session };
    if (this.#stranger.recognises(event.line)) return this.#close(reply(554, '5.1', 'This is a mail server'));
    const { verb, argument } = splitCommand(event.line);
    this.#verb = verb;
    const command = Object.hasOwn(this.#commands, verb) ? this.#commands[verb] : undefined;
    if (command === undefined) return { reply: reply(500, '5.1', 'Command not recognized'), next: session };
    if (event.line.length + 2 > (command.lineLimit ?? LINE_LIMIT)) {
      return { reply: reply(500, '5.2', 'Line too long'), next: session };
    }
    if (this.#outOfStep(command)) return this.#close(reply(554, '5.1', 'You must wait for the answer'));
    if (!command.allowedIn.includes(session.state)) {
      return { reply: reply(503, '5.1', outOfSequence(verb, session.state)), next: session };
    }
    const args = command.parse(argument, session);
    if (command.movesNothing === true && this.#patience.idled()) {
      return this.#slowDown().then(() => command.run(session, args, this.#context));
    }
    return command.run(session, args, this.#context);
  }

  /** RFC 2920 §3.1 says which commands end a group; a client that said HELO was never offered PIPELINING at all. */
  #outOfStep(command: Command<R, L>): boolean {
    const alone =
      command.endsGroup === true || (this.#session.state !== 'connected' && this.#session.hello.verb === 'HELO');
    return alone && (this.#lines.pending > 0 || this.#connection.buffered > 0);
  }

  /** Writes, moves on and does what the step asks for; false when the session is over. */
  #obey(step: Step<R, L>): boolean | Promise<boolean> {
    this.#session = step.next;
    if (this.#options.replied !== undefined) this.#report(step.reply, this.#options.replied);
    if (this.#tries(step)) return this.#slowDown().then(() => this.#carryOn(step));
    return this.#carryOn(step);
  }

  #carryOn(step: Step<R, L>): boolean | Promise<boolean> {
    this.#replies.add(step.reply);
    if (this.#replies.full || this.#replies.outstanding > this.#limits.outstanding) return this.#relieve(step);
    return this.#proceed(step);
  }

  async #relieve(step: Step<R, L>): Promise<boolean> {
    if (this.#replies.full) await this.#replies.flush();
    if (this.#replies.outstanding > this.#limits.outstanding) await this.#replies.atMost(this.#limits.outstanding);
    return this.#proceed(step);
  }

  #proceed({ after }: Step<R, L>): boolean | Promise<boolean> {
    if (after !== undefined) return this.#do(after);
    if (!this.#patience.exhausted) return true;
    return this.#goodbye(reply(421, '7.0', 'Too many errors'));
  }

  #report(answer: Step<R, L>['reply'], replied: (verb: string, reply: Reply) => void): void {
    const verb = this.#verb;
    if (answer instanceof Promise) void answer.then((replies) => this.#report(replies, replied));
    else if ('code' in answer) replied(verb, answer);
    else for (const each of answer) replied(verb, each);
  }

  /** True when the answer is to come late. Errors slow a client down and then end its session; an accepted message forgives them. */
  #tries(step: Step<R, L>): boolean {
    if (!(step.reply instanceof Promise)) {
      if (isError(step.reply)) return this.#patience.refused();
      return isDeferral(step.reply) && this.#patience.deferred();
    }
    void step.reply.then((replies) => {
      if (replies.some((each) => each.code < 300)) this.#patience.accepted();
    });
    return false;
  }

  async #slowDown(): Promise<void> {
    await this.#replies.flush();
    await new Promise<void>((resolve) => this.#options.clock.after(ERROR_DELAY, resolve));
  }

  #do(after: After<R, L>): boolean | Promise<boolean> {
    // A chunk that is here already needs no waiting either.
    if (after.act !== 'read-octets') return this.#doSlowly(after);
    const whole = this.#intake.octets(after.octets, after.content);
    if (typeof whole === 'boolean') return whole && this.#obey(after.done());
    return whole.then((taken) => taken && this.#obey(after.done()));
  }

  async #doSlowly(after: Exclude<After<R, L>, { act: 'read-octets' }>): Promise<boolean> {
    switch (after.act) {
      case 'close':
        await this.#finish();
        return false;
      case 'start-tls':
        await this.#finish();
        // RFC 3207 §4.2: all that was said in the clear is forgotten, commands that came along with STARTTLS too.
        this.#lines.clear();
        await this.#connection.startTls(TLS_TIMEOUT);
        this.#lines.clear();
        return true;
      case 'read-to-dot':
        return (await this.#intake.toDot(after.content)) && this.#obey(after.done());
    }
  }

  async #ask(prompt: Reply): Promise<string> {
    this.#replies.add(prompt);
    const event = await this.#nextLine();
    if (event === undefined) throw new ConnectionClosed('closed');
    if (event === 'draining') throw new ConnectionClosed('draining');
    if (event.defect !== undefined) throw new CommandSyntaxError(lineReply(event.defect));
    return event.line.toString('latin1');
  }

  #close(last: Reply): Step<R, L> {
    return { reply: last, next: this.#session, after: { act: 'close' } };
  }

  #shutdown(): Step<R, L> {
    return this.#close(reply(421, '3.2', 'Shutting down, try again later'));
  }

  #answer(error: unknown): Reply {
    return replyToError(error, this.#connection.id, (fault) => {
      this.#log.error({ err: fault }, 'a command failed');
    });
  }

  /** All replies are known and written. */
  async #finish(): Promise<void> {
    this.#connection.deadline(undefined);
    await this.#replies.atMost(0);
    this.#connection.deadline(GOODBYE_TIMEOUT);
    await this.#replies.flush();
  }

  async #goodbye(last: Reply): Promise<false> {
    this.#replies.add(last);
    await this.#finish();
    return false;
  }

  /** The conversation broke off: say why if somebody may still listen. */
  async #broken(error: unknown): Promise<void> {
    const last = error instanceof EndlessContent ? error.reply : this.#farewell(error);
    if (last === undefined) return;
    try {
      await this.#goodbye(last);
    } catch (lost) {
      if (!(lost instanceof ConnectionClosed)) throw lost;
    }
  }

  #farewell(error: unknown): Reply | undefined {
    const { id } = this.#connection;
    if (!(error instanceof ConnectionClosed)) {
      this.#log.error({ err: error }, 'a session failed');
      return reply(421, '3.0', `Internal trouble (session ${id})`);
    }
    if (error.reason === 'deadline') return reply(421, '4.2', 'You took too long');
    return error.reason === 'draining' ? reply(421, '3.2', 'Shutting down, try again later') : undefined;
  }
}
