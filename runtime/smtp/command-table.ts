/** What a command is (DESIGN §1): a table `{ allowedIn, parse, run }`, a file a command. The engine (`receiver.ts`) knows nothing but this. */
import type { Reply } from '#mail/smtp/reply.ts';
import type { Clock, Log } from '../ambient.ts';
import type { Connection } from '../connection.ts';
import type { Content, ContentMode, ContentSink } from './receiver-content.ts';
import type { Session, SessionState } from './session.ts';

/** What a command comes to. */
export interface Step<R, L> {
  /**
   * Written in the order of the commands. A promise is a deferred reply: the engine goes on with what is pipelined behind, up to a bound. It must not reject.
   * LMTP answers one reply for each recipient (RFC 2033 §4.2).
   */
  readonly reply: Reply | readonly Reply[] | Promise<readonly Reply[]>;
  readonly next: Session<R, L>;
  readonly after?: After<R, L>;
}

export type After<R, L> =
  /** Write all replies and close. */
  | { readonly act: 'close' }
  /** RFC 3207: shake hands, and forget all that was said before. */
  | { readonly act: 'start-tls' }
  /** Read up to CRLF.CRLF; `done` answers. */
  | { readonly act: 'read-to-dot'; readonly content: Content; readonly done: () => Step<R, L> }
  /** Read so many octets, into `content` or away; `done` answers. */
  | {
      readonly act: 'read-octets';
      readonly octets: number;
      readonly content: Content | undefined;
      readonly done: () => Step<R, L>;
    };

/** What the engine lends to a running command. */
export interface Context {
  readonly connection: Connection;
  readonly log: Log;
  readonly clock: Clock;
  /** Writes an intermediate reply (334) and answers the client's next line, without CRLF. Throws `CommandSyntaxError` for a malformed one. */
  ask(prompt: Reply): Promise<string>;
  /** Wraps a sink into what reads DATA or BDAT; `replies` is how many replies the end of the content gets. */
  content(sink: ContentSink, options: { stuffed: boolean; mode: ContentMode; replies: number }): Content;
}

export interface Command<R, L> {
  /** Elsewhere the answer is 503. */
  readonly allowedIn: readonly SessionState[];
  /** Octets of the line with its CRLF; 512 unless told (RFC 5321 §4.5.3.1.4). */
  readonly lineLimit?: number;
  /** RFC 2920 §3.1: must be the last of a pipelined group; data behind it means that the client is not in step. */
  readonly endsGroup?: boolean;
  /** Brings no message nearer: a client may say it so often only (`ReceiverLimits.idleCommands`). */
  readonly movesNothing?: boolean;
  /** What EHLO or LHLO announces because this command is in the table. */
  keywords?(connection: Connection, session: Session<R, L>): readonly string[];
  /** Throws `CommandSyntaxError`. */
  parse(argument: string, session: Session<R, L>): unknown;
  run(session: Session<R, L>, args: unknown, context: Context): Step<R, L> | Promise<Step<R, L>>;
}

export type CommandTable<R, L> = Readonly<Record<string, Command<R, L>>>;

type In<R, L, S extends SessionState> = Extract<Session<R, L>, { readonly state: S }>;

/** Ties the argument of `run` to what `parse` answers and the session to `allowedIn`. The engine keeps both promises. */
export function defineCommand<R, L, const S extends SessionState, A>(command: {
  readonly allowedIn: readonly S[];
  readonly lineLimit?: number;
  readonly endsGroup?: boolean;
  readonly movesNothing?: boolean;
  keywords?(connection: Connection, session: Session<R, L>): readonly string[];
  parse(argument: string, session: In<R, L, S>): A;
  run(session: In<R, L, S>, args: A, context: Context): Step<R, L> | Promise<Step<R, L>>;
}): Command<R, L> {
  return command as unknown as Command<R, L>;
}

export const EVERY_STATE = [
  'connected',
  'greeted',
  'transaction',
  'chunking',
  'spoilt',
] as const satisfies readonly SessionState[];

/** The lines of the answer to EHLO and LHLO behind the first, in the order of the table. */
export function announcedKeywords<R, L>(
  table: CommandTable<R, L>,
  connection: Connection,
  session: Session<R, L>,
): string[] {
  return [
    'PIPELINING',
    'ENHANCEDSTATUSCODES',
    ...Object.values(table).flatMap((command) => command.keywords?.(connection, session) ?? []),
  ];
}
