/** A child's end of coordination: asks the supervisor over IPC. */
import type { Coordination, Lease, SessionInfo } from './coordination.ts';
import type { CoordinationAnswer, CoordinationRequest } from './ipc.ts';

type Value = CoordinationAnswer['value'];
type Asking = CoordinationRequest extends infer R ? (R extends unknown ? Omit<R, 'type' | 'call'> : never) : never;

export class CoordinationClient implements Coordination {
  readonly #send: (request: CoordinationRequest) => void;
  readonly #waiting = new Map<number, (value: Value) => void>();
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

  async count(key: string, amount: number, windowMs: number): Promise<number> {
    const { value } = await this.#ask({ method: 'count', key, amount, windowMs });
    return value as number;
  }

  async acquire(key: string, limit: number): Promise<Lease | undefined> {
    const { call, value } = await this.#ask({ method: 'acquire', key, limit });
    return value === true ? this.#lease(call) : undefined;
  }

  async session(info: SessionInfo): Promise<Lease> {
    return this.#lease((await this.#ask({ method: 'session', info })).call);
  }

  async sessions(): Promise<readonly SessionInfo[]> {
    return (await this.#ask({ method: 'sessions' })).value as readonly SessionInfo[];
  }

  #ask(request: Asking): Promise<{ call: number; value: Value }> {
    const call = ++this.#calls;
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
        this.#send({ type: 'coordinate', call, method: 'release' });
      },
    };
  }
}
