/** The supervisor's end of coordination: answers its children, and gives back what a dead one held. */
import type { Coordination, Lease, SessionInfo } from './coordination.ts';
import type { CoordinationAnswer, CoordinationRequest, EndSession } from './ipc.ts';

export class CoordinationService {
  readonly #coordination: Coordination;
  readonly #leases = new Map<object, Map<number, Lease>>();
  readonly #tell = new Map<object, (message: EndSession) => void>();

  constructor(coordination: Coordination) {
    this.#coordination = coordination;
  }

  /** `owner` is the child; the answer is to be sent to it. `undefined`: nothing to answer. */
  async handle(owner: object, request: CoordinationRequest): Promise<CoordinationAnswer | undefined> {
    const { call } = request;
    switch (request.method) {
      case 'count':
        return answer(call, await this.#coordination.count(request.key, request.amount, request.windowMs));
      case 'acquire':
        return answer(call, this.#keep(owner, call, await this.#coordination.acquire(request.key, request.limit)));
      case 'session':
        return answer(call, this.#keep(owner, call, await this.#session(owner, call, request.info)));
      case 'sessions':
        return answer(call, await this.#coordination.sessions());
      case 'disconnect':
        return answer(call, await this.#coordination.disconnect(request.ids));
      case 'release': {
        const leases = this.#leases.get(owner);
        leases?.get(call)?.release();
        leases?.delete(call);
        return undefined;
      }
    }
  }

  /** @param tell sends to it. */
  ownerStarted(owner: object, tell: (message: EndSession) => void): void {
    this.#tell.set(owner, tell);
    this.#leases.set(owner, new Map());
  }

  ownerGone(owner: object): void {
    const leases = this.#leases.get(owner);
    this.#leases.delete(owner);
    this.#tell.delete(owner);
    for (const lease of leases?.values() ?? []) lease.release();
  }

  #session(owner: object, call: number, info: SessionInfo): Promise<Lease> {
    return this.#coordination.session(info, () => this.#tell.get(owner)?.({ type: 'end-session', call }));
  }

  #keep(owner: object, call: number, lease: Lease | undefined): boolean {
    if (lease === undefined) return false;
    const leases = this.#leases.get(owner);
    if (leases === undefined) lease.release();
    else leases.set(call, lease);
    return true;
  }
}

function answer(call: number, value: CoordinationAnswer['value']): CoordinationAnswer {
  return { type: 'coordinated', call, value };
}
