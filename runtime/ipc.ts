/** What the supervisor and its children say to each other over IPC. Plain JSON; a socket may travel with `socket`. */
import type { Config } from '#config/config.ts';
import type { SessionInfo } from './coordination.ts';
import type { Snapshot } from './metrics/metrics.ts';
import type { ListenerName } from './service.ts';
import type { CertificatePem } from './tls/self-signed.ts';

export type ToChild =
  | {
      readonly type: 'start';
      readonly config: Config;
      readonly keys: CertificatePem;
      readonly assigned: readonly ListenerName[];
    }
  /** All inner sockets that only one worker may serve and that are this worker's from now on. */
  | { readonly type: 'assign'; readonly assigned: readonly ListenerName[] }
  /** Comes with the socket; the supervisor keeps its copy until `ack`. */
  | { readonly type: 'socket'; readonly id: number; readonly listener: ListenerName }
  | { readonly type: 'reload'; readonly config: Config; readonly keys: CertificatePem }
  /** `replaced`: another worker has taken its place, so there is time. May come a second time with less. */
  | { readonly type: 'drain'; readonly deadlineMs: number; readonly replaced: boolean }
  | { readonly type: 'ping' }
  /** Asks for `metrics`. */
  | { readonly type: 'measure' }
  | { readonly type: 'scraped'; readonly call: number; readonly samples: Snapshot }
  | CoordinationAnswer
  | EndSession;

export type ToSupervisor =
  /** The program's file has been loaded and listens to messages. */
  | { readonly type: 'hello' }
  | { readonly type: 'ready' }
  | { readonly type: 'ack'; readonly id: number }
  /** So many dealt sockets have closed since the last such message. */
  | { readonly type: 'closed'; readonly count: number }
  /** This worker serves (or no longer serves) an inner socket that only one may serve. */
  | { readonly type: 'claim'; readonly listener: ListenerName; readonly held: boolean }
  | { readonly type: 'reloaded'; readonly error?: string }
  | { readonly type: 'pong'; readonly metrics: Snapshot }
  /** The answer to `measure`, and the last word of a process that ends. */
  | { readonly type: 'metrics'; readonly metrics: Snapshot }
  /** Its log has an error. */
  | { readonly type: 'trouble'; readonly what: string; readonly why?: string }
  /** Asks for the figures of all processes. */
  | { readonly type: 'scrape'; readonly call: number }
  | CoordinationRequest;

export type CoordinationRequest = { readonly type: 'coordinate'; readonly call: number } & (
  | { readonly method: 'count'; readonly key: string; readonly amount: number; readonly windowMs: number }
  | { readonly method: 'acquire'; readonly key: string; readonly limit: number }
  | { readonly method: 'session'; readonly info: SessionInfo }
  | { readonly method: 'sessions' }
  | { readonly method: 'disconnect'; readonly ids: readonly string[] }
  /** Not answered. `call` is that of the `acquire` or `session` that made the lease. */
  | { readonly method: 'release' }
);

export interface CoordinationAnswer {
  readonly type: 'coordinated';
  readonly call: number;
  /** A count; whether a lease was given; the sessions; or the ids of those that were told to end. */
  readonly value: number | boolean | readonly SessionInfo[] | readonly string[];
}

/** The session that this child registered with `call` is to end. */
export interface EndSession {
  readonly type: 'end-session';
  readonly call: number;
}
