/** How long a session goes on with a client that makes mistakes, or talks to no purpose. An accepted message forgives all of it. */

export interface PatienceLimits {
  /** Refusals (5xx) without an accepted message in between: from the first on each is answered a second late, at the second the session ends. */
  readonly slowAfterErrors: number;
  readonly dropAfterErrors: number;
  /** Commands that move no mail (NOOP, RSET, EHLO …) without an accepted message in between; each further one counts as an error. */
  readonly idleCommands: number;
  /** Commands put off (4xx) without an accepted message in between; each further one counts as an error. Many recipients beyond the limit are no mistake. */
  readonly deferrals: number;
}

export class Patience {
  readonly #limits: PatienceLimits;
  #errors = 0;
  #idle = 0;
  #deferred = 0;

  constructor(limits: PatienceLimits) {
    this.#limits = limits;
  }

  get exhausted(): boolean {
    return this.#errors >= this.#limits.dropAfterErrors;
  }

  accepted(): void {
    this.#errors = 0;
    this.#idle = 0;
    this.#deferred = 0;
  }

  /** True when the answer should come late. */
  refused(): boolean {
    this.#errors += 1;
    return this.#errors > this.#limits.slowAfterErrors;
  }

  /** As `refused`. */
  deferred(): boolean {
    this.#deferred += 1;
    return this.#deferred > this.#limits.deferrals && this.refused();
  }

  /** As `refused`. */
  idled(): boolean {
    this.#idle += 1;
    return this.#idle > this.#limits.idleCommands && this.refused();
  }
}
