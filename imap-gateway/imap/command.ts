/**
 * What a command is: one file a command in `commands/`, each exporting one `defineCommand({ name, allowedIn, parse, run })`, all of them listed in
 * `commands/table.ts`. The driver frames, looks the name up, checks the state, parses, runs, reports what else changed, and writes the
 * tagged result. `run` writes untagged responses to `context.out` and answers with the tagged one; a `MailError` that it throws goes through the
 * table of `response/codes.ts`, anything else becomes `NO [SERVERBUG]`.
 */
import type { ChannelBinding } from '#mail/sasl/exchange.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { Directory } from '#store/directory.ts';
import type { MailStore } from '#store/store.ts';
import type { ViewCache } from '#store/view-cache.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Output } from '../session/output.ts';
import type { CommandPart } from './framer.ts';
import type { Cursor } from './grammar/cursor.ts';
import type { Session, StateName, StateOf } from './session.ts';

/** The tagged result. `code` is a response code without brackets (RFC 9051 §7.1): `READ-ONLY`, `COPYUID 1 2 3`. */
export interface Completion {
  readonly status: 'OK' | 'NO' | 'BAD';
  readonly code?: string;
  readonly text: string;
  /** What the driver does once the result is written. */
  readonly followedBy?: 'close' | 'start-tls';
  /** Runs once the result is on its way, before the next command is looked at. What it throws ends the session. */
  readonly afterwards?: () => Promise<void>;
}

export function ok(text: string, code?: string): Completion {
  return code === undefined ? { status: 'OK', text } : { status: 'OK', code, text };
}

export function no(text: string, code?: string): Completion {
  return code === undefined ? { status: 'NO', text } : { status: 'NO', code, text };
}

export function bad(text: string, code?: string): Completion {
  return code === undefined ? { status: 'BAD', text } : { status: 'BAD', code, text };
}

/** Thrown to answer with a completion from wherever one is; for refusals that the table of failures has no code for. */
export class Refused extends Error {
  readonly completion: Completion;

  constructor(completion: Completion) {
    super(completion.text);
    this.name = 'Refused';
    this.completion = completion;
  }
}

/** What every session of the gateway shares. */
export interface ImapServices {
  readonly hostname: string;
  readonly store: MailStore;
  readonly views: ViewCache;
  readonly directory: Directory;
  readonly auth: Authenticator;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: ImapLimits;
}

export interface ImapLimits {
  /** Octets of one message (APPENDLIMIT, RFC 7889). */
  readonly messageSize: number;
  /** Milliseconds without a command after login; RFC 9051 §5.4: at least 30 minutes. */
  readonly idleTimeout: number;
  /** Milliseconds for all that comes before login. */
  readonly loginTimeout: number;
  /** Commands answered with BAD, one after the other, before BYE. */
  readonly badCommands: number;
  /** Milliseconds between two `* OK Still here` in IDLE. */
  readonly idleKeepAlive: number;
  /** With more messages a mailbox that nobody has open is glanced at before it is read (opening.ts). */
  readonly largeMailbox: number;
}

/** The connection as commands see it. */
export interface ConnectionFacts {
  /** Encrypted now. */
  readonly tls: boolean;
  /** STARTTLS can be had. */
  readonly canStartTls: boolean;
  readonly loopback: boolean;
  /** For SCRAM-SHA-256-PLUS: where it is switched on and the connection can be bound to. */
  binding(): ChannelBinding | undefined;
  /** Canonical address, or `unix`. */
  readonly remote: string;
}

export interface CommandContext {
  /** The command's tag, which ESEARCH repeats (RFC 9051 §7.3.4). */
  readonly tag: string;
  readonly session: Session;
  readonly services: ImapServices;
  readonly connection: ConnectionFacts;
  readonly out: Output;
  readonly log: Log;
  /** Aborted when the connection is lost or the server drains. */
  readonly signal: AbortSignal;
  /**
   * Writes a continuation request (`+ text`) and answers with the client's next line, without CRLF. Throws `ConnectionClosed` when the
   * client has gone, a `ParseError` when it is no plain line.
   */
  ask(text: string): Promise<Buffer>;
  /** The next line without a continuation request; IDLE waits with it for DONE while it reports. */
  nextLine(): Promise<Buffer>;
  /** Reports now what changed in the selected mailbox; the driver does the same when a command ends. */
  report(scope: UpdateScope): Promise<void>;
  /** This session's capability line, without `* CAPABILITY `. */
  capabilities(): string;
}

/**
 * Which untagged updates may be sent (RFC 9051 §7.5.1, §5.5): EXPUNGE never while FETCH, STORE or SEARCH by sequence number is answered, since
 * the client still counts with the old numbers; `none` for commands that leave the mailbox.
 */
export type UpdateScope = 'all' | 'no-expunge' | 'none';

/** Takes a literal as it comes in, so that a message is never held in memory whole (APPEND). */
export interface LiteralSink {
  /** A promise is awaited before more is read from the socket. */
  write(bytes: Buffer): Promise<void> | void;
  end(): Promise<void> | void;
  /** The command failed or the client is gone: let go of what was stored. */
  abort(): Promise<void> | void;
}

export interface LiteralHead {
  /** The command up to the literal, tag and name included; earlier literals among them. */
  readonly parts: readonly CommandPart[];
  /** Reads `parts` from behind the command's name. */
  readonly cursor: Cursor;
  readonly size: number;
  readonly binary: boolean;
}

export interface ParseContext {
  /** The command came as `UID name`. */
  readonly uid: boolean;
  readonly session: Session;
}

export interface CommandDefinition<Args, N extends StateName, S extends LiteralSink> {
  /** Upper case, one word: `FETCH`. */
  readonly name: string;
  /** It may come behind UID too (RFC 9051 §6.4.9). `only`: not without it. */
  readonly uid?: boolean | 'only';
  readonly allowedIn: readonly N[];
  /** What it adds to the capability line; announced while the command is allowed or after login. */
  readonly capabilities?: Capabilities;
  /** Which updates may follow it; `all` when absent. */
  readonly updates?: UpdateScope | ((args: Args, uid: boolean) => UpdateScope);
  /** Called for every literal; a sink takes it as a stream, `undefined` has it buffered as an argument. Throws to refuse it. */
  readonly openLiteral?: (
    head: LiteralHead,
    context: CommandContext,
    state: StateOf<N>,
  ) => Promise<S | undefined> | S | undefined;
  /** Reads the arguments, from the SP behind the name up to the end; throws what the grammar throws (answered with BAD). */
  readonly parse: (cursor: Cursor, context: ParseContext) => Args;
  readonly run: (
    args: Args,
    context: CommandContext,
    state: StateOf<N>,
    /** The streamed literals in their order. */
    sinks: readonly S[],
  ) => Promise<Completion>;
}

export type Capabilities = readonly string[] | ((facts: CapabilityFacts) => readonly string[]);

export interface CapabilityFacts {
  readonly connection: ConnectionFacts;
  readonly session: Session;
  readonly limits: ImapLimits;
}

/** A command without the types of its arguments, as the table and the driver hold it. */
export interface Command {
  readonly name: string;
  readonly uid: boolean | 'only';
  readonly allowedIn: readonly StateName[];
  readonly capabilities: Capabilities;
  readonly openLiteral?: (head: LiteralHead, context: CommandContext) => Promise<LiteralSink | undefined>;
  prepare(cursor: Cursor, context: ParseContext): PreparedCommand;
}

/** A command that was parsed and waits to be run. */
export interface PreparedCommand {
  readonly updates: UpdateScope;
  run(context: CommandContext, sinks: readonly LiteralSink[]): Promise<Completion>;
}

/** Hides the types of a command's arguments; the state is checked here once more, so that `run` can rely on it. */
export function defineCommand<Args, N extends StateName, S extends LiteralSink = never>(
  definition: CommandDefinition<Args, N, S>,
): Command {
  const { name, allowedIn, openLiteral, updates } = definition;
  const stateIn = (session: Session): StateOf<N> => {
    const state = session.state;
    if (!isIn(state.name, allowedIn)) throw new Error(`${name} was run in the state ${state.name}`);
    return state as StateOf<N>;
  };
  const command: Command = {
    name,
    uid: definition.uid ?? false,
    allowedIn,
    capabilities: definition.capabilities ?? [],
    prepare(cursor, context) {
      const args = definition.parse(cursor, context);
      return {
        updates: typeof updates === 'function' ? updates(args, context.uid) : (updates ?? 'all'),
        run: (running, sinks) => definition.run(args, running, stateIn(running.session), sinks as readonly S[]),
      };
    },
  };
  if (openLiteral === undefined) return command;
  return { ...command, openLiteral: async (head, context) => openLiteral(head, context, stateIn(context.session)) };
}

function isIn(name: StateName, names: readonly StateName[]): boolean {
  return names.includes(name);
}
