/**
 * One webhook at work: the log in order, one attempt at a time, so that nothing but its own receiver slows it down. What it must know after a kill is in its state, written at most
 * once a second: what was posted since is posted again, under the same id.
 */
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, AccountId, ModSeq } from '#store/types.ts';
import type { ViewCache } from '#store/view-cache.ts';
import { type AccountEvent, eventsOf } from '../events/event.ts';
import { putGuard } from './change.ts';
import type { Lanes } from './lanes.ts';
import type { Post } from './post.ts';
import { after, FORBEARANCE, giveUp, isGood, isOpen, mayBegin, nextRetry, PATIENCE } from './progress.ts';
import { signedHeaders } from './signature.ts';
import {
  bodyOf,
  eventId,
  freshState,
  type KeptWebhook,
  putState,
  putWebhook,
  readState,
  type WebhookState,
  wants,
} from './webhook.ts';

export interface EndpointServices {
  readonly store: MailStore;
  readonly views: ViewCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly post: Post;
  readonly lanes: Lanes;
  /** Whether anything may leave the account: nothing does while it is suspended. */
  readonly isOpen: (owner: AccountId) => Promise<boolean>;
}

/** Records of the log that are read at a time. */
const PART = 50;
const SAVE_EVERY = 1_000;
/** Until a closed account is looked at again. */
const CLOSED = 30_000;
/** How far the cursor in memory may be ahead of the one that is written. */
const UNSAVED = 500;
/** Between attempts to say that events were given up. */
const NOTICE_EVERY = 3_600_000;
/** RFC 9110 §15.5.11, and what Standard Webhooks has it mean: never again. */
const GONE = 410;

export class Endpoint {
  readonly #services: EndpointServices;
  readonly #access: Access;
  readonly #kept: KeptWebhook;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #state: WebhookState | undefined;
  #queue: AccountEvent[] = [];
  #read: ModSeq = 0;
  #savedAt = 0;
  #saved: ModSeq = 0;
  #dirty = false;
  #noticeAt = 0;
  #wake: (() => void) | undefined;
  #rang = false;

  constructor(services: EndpointServices, access: Access, kept: KeptWebhook) {
    this.#services = services;
    this.#access = access;
    this.#kept = kept;
    this.#ended = this.#run().catch((error: unknown) => {
      services.log.warn({ webhook: kept.id, err: error }, 'a webhook stopped');
    });
  }

  /** The record that it works by: a changed one needs another endpoint. */
  get modseq(): ModSeq {
    return this.#kept.modseq;
  }

  /** The account has news. */
  ring(): void {
    this.#rang = true;
    this.#wake?.();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { store, clock, log } = this.#services;
    this.#state = (await readState(store, this.#access, this.#kept.id)) ?? freshState(this.#kept.webhook);
    this.#read = this.#state.cursor;
    this.#saved = this.#read;
    while (!this.#stop.signal.aborted) {
      let wait: number | undefined;
      try {
        wait = await this.#step(this.#state);
        if (clock.now() - this.#savedAt >= SAVE_EVERY) await this.#save();
      } catch (error) {
        log.warn({ webhook: this.#kept.id, err: error }, 'a webhook could not go on');
        wait = SAVE_EVERY;
      }
      if (wait !== undefined) await this.#sleep(this.#dirty ? Math.min(wait, SAVE_EVERY) : wait);
    }
    await this.#save();
  }

  /** Does one thing; answers how long to wait when there is nothing to do. */
  async #step(state: WebhookState): Promise<number | undefined> {
    if (!(await this.#services.isOpen(this.#access.owner))) return CLOSED;
    const now = this.#services.clock.now();
    const failingFor = state.failingSince === undefined ? 0 : now - state.failingSince;
    if (failingFor > FORBEARANCE) return await this.#disable('nobody answered for seven days');
    const retry = nextRetry(state);
    if (retry !== undefined && retry.nextAt <= now) return await this.#retry(retry.modseq, retry.index);
    if (state.dropped !== undefined && (!isOpen(state) || retry === undefined)) {
      if (this.#noticeAt <= now) return await this.#notice(state.dropped);
      if (isOpen(state)) return this.#noticeAt - now;
    }
    if (isOpen(state) && failingFor > PATIENCE && retry === undefined) {
      const { modseq } = await this.#services.store.accountState(this.#access);
      this.#queue = [];
      this.#read = modseq;
      this.#change(giveUp(state, modseq));
      return undefined;
    }
    if (mayBegin(state)) {
      const event = this.#queue.shift() ?? (await this.#next());
      if (event !== undefined) return await this.#first(event);
    }
    return retry === undefined ? NOTICE_EVERY : retry.nextAt - now;
  }

  /** The next event of the log that is wanted. */
  async #next(): Promise<AccountEvent | undefined> {
    const { store } = this.#services;
    for (;;) {
      this.#rang = false;
      const changes = await store.changes(this.#access, this.#read, PART);
      if (!changes.complete) {
        this.#change(giveUp(this.#state!, changes.modseq));
        this.#read = changes.modseq;
        return undefined;
      }
      const wanted = (type: string): boolean => wants(this.#kept.webhook, type);
      this.#queue = await eventsOf(this.#services, this.#access, changes.records, wanted);
      this.#read = changes.modseq;
      const event = this.#queue.shift();
      if (event !== undefined) return event;
      // Nothing to tell: not worth a write, which would only be another line of the log; but the log must not forget what lies behind the cursor.
      if (this.#read - this.#saved > UNSAVED) this.#dirty = true;
      this.#state = { ...this.#state!, cursor: this.#read };
      if (changes.records.length === 0) return undefined;
    }
  }

  async #first(event: AccountEvent): Promise<undefined> {
    if (!(await this.#attempt(event, 1))) return undefined;
    // Only what stands before the next event of the log is done with.
    const cursor = this.#queue[0]?.modseq === event.modseq ? event.modseq - 1 : event.modseq;
    this.#change({ ...this.#state!, cursor: Math.max(cursor, this.#state!.cursor) });
    return undefined;
  }

  async #retry(modseq: ModSeq, index: number): Promise<undefined> {
    const { store } = this.#services;
    const changes = await store.changes(this.#access, modseq - 1, 1);
    const records = changes.complete ? changes.records.filter((record) => record.modseq === modseq) : [];
    const events = await eventsOf(this.#services, this.#access, records, () => true);
    const event = events.find((one) => one.index === index);
    const state = this.#state!;
    const known = state.retries.find((one) => one.modseq === modseq && one.index === index);
    if (event !== undefined) await this.#attempt(event, (known?.attempts ?? 0) + 1);
    else this.#change({ ...state, retries: state.retries.filter((one) => one !== known) });
    return undefined;
  }

  /** False when it was stopped before there was an answer: then it is as if it had never begun. */
  async #attempt({ type, data, modseq, index }: AccountEvent, attempt: number): Promise<boolean> {
    const id = eventId(this.#kept.id, modseq, index);
    const posted = await this.#post(id, type, data);
    if (posted === undefined) return false;
    const now = this.#services.clock.now();
    const delivery = { id, type, at: now, attempt, ...posted };
    this.#change(after(this.#state!, { delivery, posted, modseq, index, now }));
    if (posted.status === GONE) await this.#disable('the receiver answered 410 Gone');
    return true;
  }

  /** Tells that events were given up: the receiver can ask for them by `GET /events`, as far as the log goes back. */
  async #notice(dropped: NonNullable<WebhookState['dropped']>): Promise<undefined> {
    const { clock } = this.#services;
    const { count, from, to } = dropped;
    const id = eventId(this.#kept.id, to, count);
    const posted = await this.#post(id, 'webhook.dropped', { count, lastEventId: from, until: to });
    if (posted === undefined) return undefined;
    const now = clock.now();
    const delivery = { id, type: 'webhook.dropped', at: now, attempt: 1, ...posted };
    const state = after(this.#state!, { delivery, posted, modseq: 0, index: count, now });
    const { dropped: told, ...rest } = { ...state, retries: this.#state!.retries };
    this.#change(isGood(posted) || told === undefined ? rest : { ...rest, dropped: told });
    this.#noticeAt = now + NOTICE_EVERY;
    return undefined;
  }

  /** `undefined` when it was stopped before there was an answer. */
  async #post(id: string, type: string, data: object) {
    const { lanes, post, clock } = this.#services;
    const { url, secret } = this.#kept.webhook;
    const leave = await lanes.enter(this.#state!.failures > 0, this.#stop.signal);
    if (leave === undefined) return undefined;
    try {
      const body = bodyOf(type, clock.now(), data);
      const posted = await post(url, signedHeaders(secret, id, clock.now(), body), body, this.#stop.signal);
      return this.#stop.signal.aborted && posted.status === undefined ? undefined : posted;
    } finally {
      leave();
    }
  }

  async #disable(disabled: string): Promise<undefined> {
    const webhook = { ...this.#kept.webhook, enabled: false, disabled };
    this.#services.log.info({ webhook: this.#kept.id, reason: disabled }, 'a webhook is switched off');
    this.#stop.abort();
    await this.#commit([
      putGuard(),
      putWebhook(this.#kept.id, webhook, this.#kept.modseq),
      putState(this.#kept.id, this.#state!),
    ]);
    this.#dirty = false;
    return undefined;
  }

  #change(state: WebhookState): void {
    this.#state = state;
    this.#dirty = true;
  }

  async #save(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#saved = this.#state!.cursor;
    this.#savedAt = this.#services.clock.now();
    await this.#commit([putState(this.#kept.id, this.#state!)]);
  }

  /** A webhook that was removed meanwhile stays so. */
  async #commit(mutations: readonly ReturnType<typeof putState>[]): Promise<void> {
    const { store, random } = this.#services;
    if ((await store.record(this.#access, 'webhook', this.#kept.id)) === undefined) return;
    const { owner, viewer } = this.#access;
    await store.commit({ owner, actor: viewer, id: newId('commit', random), mutations });
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#services;
    if (this.#rang || this.#stop.signal.aborted) {
      this.#rang = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = clock.after(Math.max(1, ms), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
    this.#rang = false;
  }
}
