/** What is fuzzed: one codec, or a whole session around it. */
import type { FuzzRandom } from './random.ts';

export interface Target {
  readonly name: string;
  /** Recorded inputs that mutations start from. */
  seeds(): readonly Buffer[];
  /** Words that mean something in this language. */
  readonly dictionary: readonly string[];
  /** Throws when something does not hold. `random` chooses chunks and options; with the same input and state it does the same. */
  run(input: Buffer, random: FuzzRandom): void | Promise<void>;
  /** Structured inputs: formatting and parsing back. Throws like `run`. */
  readonly properties?: readonly ((seed: number) => void)[];
}
