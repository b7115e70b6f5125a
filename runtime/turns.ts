/** Work by key, of which a few run at a time and some wait: whoever asks for much waits behind their own. */
import { MailError } from '#mail/failure.ts';

export interface TurnLimits {
  /** Of one key. */
  readonly atOnce: number;
  /** Of one key; more are refused. */
  readonly waiting: number;
  /** What whoever is refused is told. */
  readonly refusal: string;
}

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

export class Turns {
  readonly #limits: TurnLimits;
  readonly #lines = new Map<string, Line>();

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Runs it when its turn comes, first come, first served. @throws MailError `limit-exceeded` where too many wait already, and what `work` throws. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { running: 0, waiting: [] };
    this.#lines.set(key, line);
    if (line.running < this.#limits.atOnce) line.running += 1;
    else if (line.waiting.length < this.#limits.waiting)
      await new Promise<void>((resolve) => line.waiting.push(resolve));
    else throw new MailError('limit-exceeded', this.#limits.refusal);
    try {
      return await work();
    } finally {
      // The place goes from hand to hand: nobody who comes now gets in between.
      const next = line.waiting.shift();
      if (next !== undefined) next();
      else line.running -= 1;
      if (line.running === 0) this.#lines.delete(key);
    }
  }
}
