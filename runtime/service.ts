/**
 * The contract between the supervisor and a program (`mta`, `mda`, `imap-gateway`). A program's `main.ts` calls
 * `runProgram(name, start)` of `program.ts`; the supervisor forks it, deals it accepted sockets by IPC, and asks it to reload or drain.
 */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Config } from '#config/config.ts';
import type { Clock, Log, Random } from './ambient.ts';
import type { Coordination } from './coordination.ts';

/** The name of a listening socket: a protocol of CONTRACT (`smtp`, `imaps` …), `lmtp-unix`, or an inner Unix socket (`directory`, `queue`, `store-0` …). */
export type ListenerName = string;

export interface ProgramContext {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly coordination: Coordination;
  /** The current server certificate; replaced on SIGHUP, so ask for it at each handshake. */
  secureContext(): SecureContext;
  /**
   * Says that this worker serves an inner socket that only one worker may serve (it took that lease), or no longer does. Connections go to the
   * claimant; while there is none they wait, except that the only worker of a program gets them all unclaimed.
   */
  claim(listener: ListenerName, held: boolean): void;
}

export interface Program {
  /** A connection that the supervisor accepted and nobody has read from. Implicit-TLS listeners get the raw socket too. */
  accept(listener: ListenerName, socket: Socket): void;
  reload(config: Config): Promise<void>;
  /** Finish what is in hand (answer 421 or BYE), within `deadlineMs`; then close stores. */
  drain(deadlineMs: number): Promise<void>;
}

export type StartProgram = (context: ProgramContext) => Promise<Program>;
