/** What follows from one attempt: retries, circuit breaker, and what is given up. Pure. */
import type { ModSeq } from '#store/types.ts';
import type { Posted } from './post.ts';
import { type Delivery, REMEMBERED, type Retry, type WebhookState } from './webhook.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Between attempts at one event. */
const WAITS = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR];
/** How long an event is tried. */
export const PATIENCE = 24 * HOUR;
/** How long an endpoint may fail before it is switched off. */
export const FORBEARANCE = 7 * 24 * HOUR;
/** Failures in a row, after which only one event at a time probes whether the endpoint is back. */
const BREAKER = 5;
/** Events that wait beside those in the log; with more, nothing new is begun. */
const RETRIES = 50;

export const isGood = ({ status }: Posted): boolean => status !== undefined && status >= 200 && status < 300;
export const isOpen = ({ failures }: WebhookState): boolean => failures >= BREAKER;

/** Whether the next event of the log may be begun. */
export const mayBegin = (state: WebhookState): boolean => !isOpen(state) && state.retries.length < RETRIES;

/** The event that is to be tried next, and when: with an open breaker the one that is due first, alone. */
export function nextRetry({ retries }: WebhookState): Retry | undefined {
  return retries.reduce<Retry | undefined>(
    (best, one) => (best === undefined || one.nextAt < best.nextAt ? one : best),
    undefined,
  );
}

export interface Attempted {
  readonly delivery: Delivery;
  readonly posted: Posted;
  readonly modseq: ModSeq;
  readonly index: number;
  /** Milliseconds. */
  readonly now: number;
}

export function after(state: WebhookState, attempted: Attempted): WebhookState {
  const { delivery, posted, modseq, index, now } = attempted;
  const deliveries = [delivery, ...state.deliveries].slice(0, REMEMBERED);
  const others = state.retries.filter((one) => one.modseq !== modseq || one.index !== index);
  const before = state.retries.find((one) => one.modseq === modseq && one.index === index);
  if (isGood(posted)) {
    const { failingSince: _, ...rest } = state;
    // What the breaker held back is tried at once.
    const retries = isOpen(state) ? others.map((one) => ({ ...one, nextAt: now })) : others;
    return { ...rest, deliveries, retries, failures: 0 };
  }
  const attempts = (before?.attempts ?? 0) + 1;
  const firstAt = before?.firstAt ?? now;
  const nextAt = now + WAITS[Math.min(attempts, WAITS.length) - 1]!;
  const failing = { deliveries, failures: state.failures + 1, failingSince: state.failingSince ?? now };
  if (nextAt - firstAt > PATIENCE) return { ...dropping(state, modseq), ...failing, retries: others };
  return { ...state, ...failing, retries: [...others, { modseq, index, attempts, firstAt, nextAt }] };
}

/** Nobody has answered for so long that what waits in the log is given up too. */
export function giveUp(state: WebhookState, to: ModSeq): WebhookState {
  const dropped = state.dropped ?? { count: 0, from: state.cursor, to };
  return { ...state, cursor: to, dropped: { ...dropped, from: Math.min(dropped.from, state.cursor), to } };
}

function dropping(state: WebhookState, modseq: ModSeq): WebhookState {
  const { count, from, to } = state.dropped ?? { count: 0, from: modseq - 1, to: modseq };
  return { ...state, dropped: { count: count + 1, from: Math.min(from, modseq - 1), to: Math.max(to, modseq) } };
}
