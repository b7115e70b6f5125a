/**
 * What a command is: one file a command in `commands/`, each exporting one `defineCommand({ name, allowedIn, parse, run })`, all of them listed in
 * `commands/table.ts`. The driver frames, looks the name up, checks the state, parses, runs, and writes the status line. A `MailError` that `run`
 * throws goes through the table of `response/codes.ts`; anything else is answered as temporary and logged.
 */
import type { ChannelBinding } from '#mail/sasl/exchange.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { Coordination } from '#runtime/coordination.ts';
import type { MailStore } from '#store/store.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Output } from '../session/output.ts';
import type { Reply } from './response/reply.ts';
import type { Session, StateName, StateOf } from './session.ts';

/** What every POP3 session shares. */
export interface Pop3Services {
  readonly hostname: string;
  readonly store: MailStore;
  readonly auth: Authenticator;
  readonly coordination: Pick<Coordination, 'acquire'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: Pop3Limits;
  readonly policy: Pop3Policy;
}

export interface Pop3Limits {
  /** Milliseconds for all that comes before login. */
  readonly loginTimeout: number;
  /** Milliseconds without a command after login; RFC 1939 §3: at least ten minutes. */
  readonly idleTimeout: number;
  /** The same while the server drains. */
  readonly drainTimeout: number;
  /** Commands that make no sense, one after the other, before the session is ended. */
  readonly badCommands: number;
}

/** `[pop3]` of the configuration. */
export interface Pop3Policy {
  readonly inUse: 'refuse' | 'snapshot';
  readonly markSeen: boolean;
  /** Milliseconds; 0 is none. */
  readonly loginDelay: number;
  readonly expire: 'never' | 'retrieved';
}

/** The connection as commands see it. */
export interface ConnectionFacts {
  /** Encrypted now. */
  readonly tls: boolean;
  /** STLS can be had. */
  readonly canStartTls: boolean;
  readonly loopback: boolean;
  /** For SCRAM-SHA-256-PLUS: where it is switched on and the connection can be bound to. */
  binding(): ChannelBinding | undefined;
  /** Canonical address, or `unix`. */
  readonly remote: string;
}

export interface CommandContext {
  readonly session: Session;
  readonly services: Pop3Services;
  readonly connection: ConnectionFacts;
  readonly out: Output;
  readonly log: Log;
  /** Writes `+ text` and answers with the client's next line. Throws `ConnectionClosed` when the client has gone, a `ParseError` when it is no plain line. */
  ask(text: string): Promise<string>;
  /** What CAPA lists (RFC 2449 §5). */
  capabilities(): readonly string[];
}

export interface CapabilityFacts {
  readonly connection: ConnectionFacts;
  readonly session: Session;
  readonly policy: Pop3Policy;
}

export interface CommandDefinition<Args, N extends StateName> {
  /** Upper case. */
  readonly name: string;
  readonly allowedIn: readonly N[];
  /** What it adds to CAPA's list, with arguments; in every state, but for what `facts` say. */
  readonly capabilities?: (facts: CapabilityFacts) => readonly string[];
  /** @param rest what stands behind the keyword and a space. Throws `ParseError`. */
  readonly parse: (rest: string | undefined) => Args;
  /** At once where nothing has to be waited for: a client may send hundreds of commands in one piece. */
  readonly run: (args: Args, context: CommandContext, state: StateOf<N>) => Reply | Promise<Reply>;
}

/** A command without the types of its arguments, as the table and the driver hold it. */
export interface Command {
  readonly name: string;
  readonly allowedIn: readonly StateName[];
  capabilities(facts: CapabilityFacts): readonly string[];
  /** A command that was parsed and waits to be run. */
  prepare(rest: string | undefined): (context: CommandContext) => Reply | Promise<Reply>;
}

/** A multi-line answer broke off behind its first line: only the end of the connection can tell the client. */
export class BrokenAnswer extends Error {
  constructor(cause: unknown) {
    super('an answer broke off', { cause });
    this.name = 'BrokenAnswer';
  }
}

/** Hides the types of a command's arguments; the state is checked here once more, so that `run` can rely on it. */
export function defineCommand<Args, N extends StateName>(definition: CommandDefinition<Args, N>): Command {
  const { name, allowedIn } = definition;
  return {
    name,
    allowedIn,
    capabilities: definition.capabilities ?? (() => []),
    prepare(rest) {
      const args = definition.parse(rest);
      return (context) => {
        const { state } = context.session;
        if (!(allowedIn as readonly StateName[]).includes(state.name)) {
          throw new Error(`${name} was run in the state ${state.name}`);
        }
        return definition.run(args, context, state as StateOf<N>);
      };
    },
  };
}
