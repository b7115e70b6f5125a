/**
 * The contract between the supervisor and a program (`mta`, `mda`, `imap-gateway`). A program's `main.ts` calls
 * `runProgram(name, start)` of `program.ts`; the supervisor forks it, deals it accepted sockets by IPC, and asks it to reload or drain.
 */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Config } from '#config/config.ts';
import type { Clock, Log, Random } from './ambient.ts';
import type { Coordination } from './coordination.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { CertificatePem } from './tls/self-signed.ts';

/** The name of a listening socket: a protocol of `config/protocols.ts` (`smtp`, `imaps` …), `lmtp-unix`, or an inner Unix socket (`submission-unix`, `directory`, `queue`, `store-0` …). */
export type ListenerName = string;

export interface ProgramContext {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly coordination: Coordination;
  readonly metrics: Metrics;
  /** The figures of all programs, as Prometheus reads them (`metrics/text.ts`). */
  figures(): Promise<string>;
  /** The inner sockets that this worker shall serve alone, at its start; later `Program.assign` tells. */
  readonly assigned: readonly ListenerName[];
  /** The current server certificate; replaced on SIGHUP, so ask for it at each handshake. */
  secureContext(): SecureContext;
  /** The same as PEM, for what is signed outside of TLS. */
  certificate(): CertificatePem;
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
  /** All inner sockets that are this worker's from now on: it waits for their leases, and gives up those of others. A lease decides, this only deals them out. */
  assign?(listeners: readonly ListenerName[]): void;
  /**
   * Finish what is in hand (answer 421 or BYE), within `deadlineMs`; then close stores. When it is `replaced`, another worker waits for its leases, which go first,
   * and sessions may take their time. A second call leaves less of it.
   */
  drain(deadlineMs: number, replaced: boolean): Promise<void>;
}

export type StartProgram = (context: ProgramContext) => Promise<Program>;
