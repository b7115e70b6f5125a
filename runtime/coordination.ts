/**
 * What workers must know of one another (DESIGN §5): counters for limits and bans, concurrency by destination, live sessions. On one
 * machine the supervisor keeps it and workers reach it over its socket; `local-coordination.ts` serves a process that is alone.
 */
export interface Coordination {
  /** Adds to a counter that empties itself over `windowMs` (a sliding window) and answers what it holds now. */
  count(key: string, amount: number, windowMs: number): Promise<number>;
  /** Takes one of `limit` places under a key; `undefined` when none is free. Released by `release` or by the death of the process. */
  acquire(key: string, limit: number): Promise<Lease | undefined>;
  /** Registers a live session for `status` and `disconnect`. */
  session(info: SessionInfo): Promise<Lease>;
  sessions(): Promise<readonly SessionInfo[]>;
}

export interface Lease {
  release(): void;
}

export interface SessionInfo {
  readonly id: string;
  readonly program: string;
  readonly protocol: string;
  readonly remote: string;
  readonly since: number;
  readonly login?: string;
}
