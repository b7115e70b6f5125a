/** When to try again (RFC 5321 §4.5.4.1): soon at first, then more and more rarely, until the message expires. Pure. */

export interface RetryPolicy {
  /** Waits in milliseconds, the last repeats (`config.delivery.retry`). */
  readonly waits: readonly number[];
}

/** Neighbours in the queue spread over ±15 %, so that they don't all come back together. */
const JITTER = 0.15;

/**
 * @param attempts how many there have been, the one that has just failed included: at least 1.
 * @param fraction 0 ≤ x < 1, random.
 * @returns when to try next, but never behind `expiresAt`: the last try is made as late as possible, and after it the message expires.
 */
export function nextAttempt(
  policy: RetryPolicy,
  attempts: number,
  now: number,
  expiresAt: number,
  fraction: number,
): number {
  const waits = policy.waits;
  const wait = waits[Math.min(attempts, waits.length) - 1] ?? 300_000;
  const at = now + Math.round(wait * (1 + JITTER * (2 * fraction - 1)));
  return now < expiresAt ? Math.min(at, expiresAt) : at;
}
