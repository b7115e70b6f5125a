/** A child's end of coordination: asks the supervisor over IPC. */
import type { Coordination, Lease, SessionInfo } from './coordination.ts';
import type { CoordinationAnswer, CoordinationRequest, EndSession } from './ipc.ts';

type Value = CoordinationAnswer['value'];
type Asking = CoordinationRequest extends infer R ? (R extends unknown ? Omit<R, 'type' | 'call'> : never) : never;

export class CoordinationClient implements Coordination {
  readonly #send: (request: CoordinationRequest) => void;
  readonly #waiting = new Map<number, (value: Value) => void>();
  /** Of the sessions that were registered and not released. */
  readonly #ends = new Map<number, () => void>();
  #calls = 0;

  constructor(send: (request: CoordinationRequest) => void) {
    this.#send = send;
  }

  /** To be called with each answer that comes. */
  answered({ call, value }: CoordinationAnswer): void {
    const resolve = this.#waiting.get(call);
    this.#waiting.delete(call);
    resolve?.(value);
  }

  /** To be called when the supervisor wants a session to end. */
  endSession({ call }: EndSession): void {
    this.#ends.get(call)?.();
  }

  async count(key: string, amount: number, windowMs: number): Promise<number> {
    const { value } = await this.#ask({ method: 'count', key, amount, windowMs });
    return value as number;
  }

  async acquire(key: string, limit: number): Promise<Lease | undefined> {
    const { call, value } = await this.#ask({ method: 'acquire', key, limit });
    return value === true ? this.#lease(call) : undefined;
  }

  async session(info: SessionInfo, end?: () => void): Promise<Lease> {
    return this.#lease((await this.#ask({ method: 'session', info }, end)).call);
  }

  async sessions(): Promise<readonly SessionInfo[]> {
    return (await this.#ask({ method: 'sessions' })).value as readonly SessionInfo[];
  }

  async disconnect(ids: readonly string[]): Promise<readonly string[]> {
    return (await this.#ask({ method: 'disconnect', ids })).value as readonly string[];
  }

  #ask(request: Asking, end?: () => void): Promise<{ call: number; value: Value }> {
    const call = ++this.#calls;
    if (end !== undefined) this.#ends.set(call, end);
    return new Promise((resolve) => {
      this.#waiting.set(call, (value) => resolve({ call, value }));
      this.#send({ type: 'coordinate', call, ...request } as CoordinationRequest);
    });
  }

  #lease(call: number): Lease {
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#ends.delete(call);
        this.#send({ type: 'coordinate', call, method: 'release' });
      },
    };
  }
}
