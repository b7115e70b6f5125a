/**
 * When credentials were used last, collected: a program that looks for mail each second is written once a minute, and all together every few
 * seconds, since each write of the directory costs a sync and makes everybody's remembered lookups worthless. What is not written yet may be lost.
 */
import type { CredentialUse } from './credentials.ts';

const SAME_MS = 60_000;
const TOGETHER_MS = 5_000;
/** Beyond, the oldest are forgotten: they are written once more than needed then. */
const MOST = 10_000;

export class CredentialUses {
  readonly #write: (uses: readonly CredentialUse[]) => void;
  readonly #noted = new Map<string, number>();
  #waiting: CredentialUse[] = [];
  #quietUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (uses: readonly CredentialUse[]) => void) {
    this.#write = write;
  }

  note(use: CredentialUse): void {
    const last = this.#noted.get(use.id);
    if (last !== undefined && use.at - last < SAME_MS) return;
    this.#noted.delete(use.id);
    this.#noted.set(use.id, use.at);
    const oldest = this.#noted.keys().next();
    if (this.#noted.size > MOST && !oldest.done) this.#noted.delete(oldest.value);
    this.#waiting.push(use);
    if (this.#waiting.length > MOST) this.#waiting.shift();
    this.#timer ??= setTimeout(() => this.flush(), Math.max(0, this.#quietUntil - performance.now())).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#quietUntil = performance.now() + TOGETHER_MS;
    const uses = this.#waiting;
    this.#waiting = [];
    if (uses.length === 0) return;
    try {
      this.#write(uses);
    } catch (error) {
      // A disk that is full, above all: the next use is noted again, and nothing depends on it.
      if (!(error instanceof Error)) throw error;
      for (const { id } of uses) this.#noted.delete(id);
    }
  }

  close(): void {
    this.flush();
    clearTimeout(this.#timer);
  }
}
