/**
 * Drains the outboxes of all accounts, in one worker of the gateway at a time (leader.ts): sends what is due, follows what was sent. Everything that it must know stands
 * in rows, so that another worker goes on where this one was killed.
 */
import { MailError } from '#mail/failure.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { type AttemptServices, attemptSubmission } from './attempt.ts';
import { type FollowServices, followSubmission } from './follow.ts';
import { TO_FOLLOW, TO_SEND } from './submission.ts';

export type DrainServices = AttemptServices &
  FollowServices & {
    readonly store: MailStore;
    readonly queue: Pick<Queue, 'track' | 'outcomes' | 'lastMark' | 'onChange'>;
    readonly clock: Clock;
    readonly log: Log;
  };

/** At a time: the MTA stores in groups. */
const SENDING = 16;
/** Waits between tries at our own MTA, which is back soon when it isn't there. */
const WAITS = [1_000, 5_000, 30_000, 60_000, 300_000, 900_000];
/** Timers can't be longer than 24 days. */
const LONGEST_TIMER = 86_400_000;
/** Outcomes come by the hundred: they are looked at together. */
const GATHER = 200;
/** Until an account whose outbox could not be read is looked at again. */
const LOOK_AGAIN = 5_000;
const PAGE = 500;

interface Waiting {
  readonly owner: AccountId;
  tries: number;
  dueAt: number;
  cancel: (() => void) | undefined;
}

export class Drainer {
  readonly #services: DrainServices;
  readonly #waiting = new Map<string, Waiting>();
  /** Ids of `#waiting` by account. */
  readonly #owned = new Map<AccountId, Set<string>>();
  readonly #looks = new Map<AccountId, Promise<void>>();
  readonly #nextLooks = new Map<AccountId, Promise<void>>();
  readonly #following = new Map<string, AccountId>();
  readonly #again = new Map<AccountId, () => void>();
  readonly #due: string[] = [];
  readonly #inHand = new Set<Promise<void>>();
  #mark: number | undefined;
  #gathering: (() => void) | undefined;
  #listening: (() => void) | undefined;
  #stopped = false;

  constructor(services: DrainServices) {
    this.#services = services;
  }

  /** Looks at every account that has something to drain; again where it isn't known what was missed. */
  async start(): Promise<void> {
    const { store, queue } = this.#services;
    this.#listening ??= queue.onChange(() => this.#gather());
    await this.#catchUp();
    const owners = await Promise.all([store.outboxOwners(TO_SEND), store.outboxOwners(TO_FOLLOW)]);
    for (const owner of new Set(owners.flat())) await this.watchOver(owner);
    for (const [id, owner] of this.#following) this.#run(() => this.#follow(id, owner));
  }

  /** As `look`, and again in a while where that fails: nobody else's outbox waits for it. Does not reject. */
  async watchOver(owner: AccountId): Promise<void> {
    const { clock, log } = this.#services;
    this.#again.get(owner)?.();
    this.#again.delete(owner);
    try {
      await this.look(owner);
    } catch (err) {
      // Its rows went with it.
      if (err instanceof MailError && err.failure === 'no-such-account') return;
      log.warn({ account: owner, err }, 'an outbox can not be read');
      if (this.#stopped) return;
      this.#again.get(owner)?.();
      this.#again.set(
        owner,
        clock.after(LOOK_AGAIN, () => void this.watchOver(owner)),
      );
    }
  }

  /** Something of that account's outbox may have changed. One look at a time: what is noticed meanwhile is looked at together. */
  look(owner: AccountId): Promise<void> {
    const waiting = this.#nextLooks.get(owner);
    if (waiting !== undefined) return waiting;
    const running = this.#looks.get(owner);
    if (running === undefined) return this.#beginLook(owner);
    const next = running
      .catch(() => undefined) // told to whoever asked for it
      .then(() => {
        this.#nextLooks.delete(owner);
        return this.#beginLook(owner);
      });
    this.#nextLooks.set(owner, next);
    return next;
  }

  #beginLook(owner: AccountId): Promise<void> {
    const look = this.#look(owner).finally(() => this.#looks.delete(owner));
    this.#looks.set(owner, look);
    return look;
  }

  async #look(owner: AccountId): Promise<void> {
    const rows = await this.#services.store.outbox(owner);
    const ids = new Set(rows.filter(({ kind }) => kind === TO_SEND).map(({ id }) => id));
    for (const id of this.#owned.get(owner) ?? []) if (!ids.has(id)) this.#forget(id);
    for (const { id, kind, notBefore } of rows) {
      if (kind === TO_SEND) this.#schedule(id, owner, notBefore ?? 0);
      if (kind === TO_FOLLOW && !this.#following.has(id)) {
        this.#following.set(id, owner);
        this.#run(() => this.#follow(id, owner));
      }
    }
  }

  /** Begins nothing more; resolves when what is in hand has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#listening?.();
    this.#gathering?.();
    for (const { cancel } of this.#waiting.values()) cancel?.();
    for (const cancel of this.#again.values()) cancel();
    await Promise.all(this.#inHand);
  }

  #forget(id: string): void {
    const one = this.#waiting.get(id);
    if (one === undefined) return;
    one.cancel?.();
    this.#waiting.delete(id);
    const owned = this.#owned.get(one.owner);
    owned?.delete(id);
    if (owned?.size === 0) this.#owned.delete(one.owner);
  }

  #schedule(id: string, owner: AccountId, dueAt: number): void {
    if (this.#stopped || this.#waiting.has(id)) return;
    const one: Waiting = { owner, tries: 0, dueAt, cancel: undefined };
    this.#waiting.set(id, one);
    const owned = this.#owned.get(owner) ?? new Set();
    this.#owned.set(owner, owned.add(id));
    this.#wait(id, one);
  }

  #wait(id: string, one: Waiting): void {
    const { clock } = this.#services;
    const left = one.dueAt - clock.now();
    if (left > 0) {
      one.cancel = clock.after(Math.min(left, LONGEST_TIMER), () => this.#wait(id, one));
      return;
    }
    one.cancel = undefined;
    this.#due.push(id);
    this.#next();
  }

  #next(): void {
    while (!this.#stopped && this.#inHand.size < SENDING) {
      const id = this.#due.shift();
      if (id === undefined) return;
      const one = this.#waiting.get(id);
      if (one !== undefined) this.#run(() => this.#send(id, one));
    }
  }

  async #send(id: string, one: Waiting): Promise<void> {
    const { clock } = this.#services;
    const result = await attemptSubmission(this.#services, one.owner, id).catch((error: unknown) => {
      this.#services.log.warn({ submission: id, err: error }, 'a submission could not be sent');
      return 'again' as const;
    });
    if (this.#waiting.get(id) !== one) return;
    if (result === 'done') {
      this.#forget(id);
      return;
    }
    one.dueAt = clock.now() + WAITS[Math.min(one.tries++, WAITS.length - 1)]!;
    if (!this.#stopped) this.#wait(id, one);
  }

  #run(work: () => Promise<void>): void {
    const promise = work()
      .catch((error: unknown) => this.#services.log.warn({ err: error }, 'an outbox could not be drained'))
      .finally(() => {
        this.#inHand.delete(promise);
        this.#next();
      });
    this.#inHand.add(promise);
  }

  #gather(): void {
    if (this.#stopped || this.#following.size === 0) return;
    this.#gathering ??= this.#services.clock.after(GATHER, () => {
      this.#gathering = undefined;
      this.#run(() => this.#followNew());
    });
  }

  /** From here on outcomes are new: those before it are asked for by submission. */
  async #catchUp(): Promise<void> {
    try {
      this.#mark = await this.#services.queue.lastMark();
    } catch (error) {
      // No MTA has made the queue yet.
      this.#services.log.debug({ err: error }, 'the queue can not be read yet');
      this.#mark = 0;
    }
  }

  async #followNew(): Promise<void> {
    const { queue } = this.#services;
    for (;;) {
      const outcomes = await queue.outcomes(this.#mark ?? 0, PAGE);
      for (const id of new Set(outcomes.map(({ envelopeId }) => envelopeId))) {
        const owner = this.#following.get(id);
        if (owner !== undefined) await this.#follow(id, owner);
      }
      this.#mark = outcomes.at(-1)?.mark ?? this.#mark;
      if (outcomes.length < PAGE) return;
    }
  }

  async #follow(id: string, owner: AccountId): Promise<void> {
    if (await followSubmission(this.#services, owner, id)) this.#following.delete(id);
  }
}
