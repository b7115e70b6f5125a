/** What a program may only get as an argument (DESIGN §1): the clock, randomness and the log. Tests pass their own. */

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Calls back once after `ms`; the returned function cancels. A timer never keeps the process alive by itself. */
  after(ms: number, callback: () => void): () => void;
}

export interface Random {
  bytes(length: number): Uint8Array;
  /** 0 ≤ x < 1. */
  fraction(): number;
}

/** Structured log: `log.info({ session, peer }, 'accepted')`. Never a password, never a body. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}
