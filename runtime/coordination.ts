/**
 * What workers must know of one another (DESIGN §5): counters for limits and bans, concurrency by destination, live sessions. On one
 * machine the supervisor keeps it and workers ask over IPC; `local-coordination.ts` serves a process that is alone.
 */
export interface Coordination {
  /** Adds to a counter that empties itself over `windowMs` (a sliding window) and answers what it holds now. */
  count(key: string, amount: number, windowMs: number): Promise<number>;
  /** Takes one of `limit` places under a key; `undefined` when none is free. Released by `release` or by the death of the process. */
  acquire(key: string, limit: number): Promise<Lease | undefined>;
  /** Registers a live session for `status` and `disconnect`. `end` is called when somebody wants it to end: it says goodbye and closes. */
  session(info: SessionInfo, end?: () => void): Promise<Lease>;
  sessions(): Promise<readonly SessionInfo[]>;
  /** Tells the sessions of these ids to end, wherever they live; answers those that were told. They end a moment later. */
  disconnect(ids: readonly string[]): Promise<readonly string[]>;
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
