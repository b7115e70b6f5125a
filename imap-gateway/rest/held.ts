/**
 * How much of bodies is in memory at once. What is read as a stream costs nothing; JSON and forms are taken apart whole, and cost several times their size. Whoever finds no room
 * waits with the body unread, so that the client's connection holds it back.
 */
import { MailError } from '#mail/failure.ts';
import type { Clock } from '#runtime/ambient.ts';

export interface HeldOptions {
  readonly clock: Pick<Clock, 'after'>;
  /** Octets of all together. */
  readonly most: number;
  /** Octets for one account: nobody takes all of it. */
  readonly mostEach: number;
}

/** Milliseconds until who waits is sent away, to come again. */
const PATIENCE = 60_000;
/** Less is not worth a thought. */
export const SMALL = 1_048_576;

interface Waiting {
  readonly who: string;
  readonly size: number;
  readonly go: () => void;
}

export class HeldBodies {
  readonly #options: HeldOptions;
  readonly #byAccount = new Map<string, number>();
  #held = 0;
  /** Longest waiting first; who could go in passes others of whose account there is too much. */
  #waiting: Waiting[] = [];

  constructor(options: HeldOptions) {
    this.#options = options;
  }

  /**
   * Answers how to give it back, any number of times. @param signal of a client that has gone.
   * @throws MailError `unavailable` when there was no room for a minute, or nobody to wait for it.
   */
  async take(who: string, size: number, signal?: AbortSignal): Promise<() => void> {
    const wanted = Math.min(size, this.#options.mostEach);
    if (!this.#fits(who, wanted) || this.#waiting.length > 0) await this.#wait(who, wanted, signal);
    else this.#add(who, wanted);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#add(who, -wanted);
      this.#admit();
    };
  }

  get held(): number {
    return this.#held;
  }

  #fits(who: string, size: number): boolean {
    return this.#held + size <= this.#options.most && this.#mayHave(who, size);
  }

  /** Whether its own account leaves room for it. */
  #mayHave(who: string, size: number): boolean {
    return (this.#byAccount.get(who) ?? 0) + size <= this.#options.mostEach;
  }

  #add(who: string, size: number): void {
    this.#held += size;
    const now = (this.#byAccount.get(who) ?? 0) + size;
    if (now === 0) this.#byAccount.delete(who);
    else this.#byAccount.set(who, now);
  }

  #wait(who: string, size: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', leave);
      };
      const one: Waiting = {
        who,
        size,
        go: () => {
          end();
          resolve();
        },
      };
      const leave = (): void => {
        end();
        this.#waiting = this.#waiting.filter((other) => other !== one);
        reject(new MailError('unavailable', 'Too many large uploads at once, try again later'));
        this.#admit();
      };
      const cancel = this.#options.clock.after(PATIENCE, leave);
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(one);
      this.#admit();
    });
  }

  #admit(): void {
    const still: Waiting[] = [];
    let full = false;
    for (const one of this.#waiting) {
      // A large one that finds no room is not passed by small ones for ever.
      if (full || !this.#fits(one.who, one.size)) {
        full ||= this.#mayHave(one.who, one.size);
        still.push(one);
        continue;
      }
      this.#add(one.who, one.size);
      one.go();
    }
    this.#waiting = still;
  }
}
