/**
 * Lookups are remembered for as long as the directory stays as it was: each message asks twice, in the MTA and in the MDA, and SQLite takes its locks
 * anew for each statement. What a process asks in a turn of its event loop sees at least every change that was made before that turn.
 */
import type { Address } from '#mail/envelope.ts';
import type { Lookup } from './directory.ts';

/** Strangers choose what is asked. */
const MOST = 32_768;

export class LookupCache {
  readonly #lookup: (address: Address) => Lookup;
  readonly #version: () => number;
  readonly #known = new Map<string, Lookup>();
  #seen: number | undefined;
  #checked = false;

  /** @param version a number that any change of the directory changes; asked once a turn. */
  constructor(lookup: (address: Address) => Lookup, version: () => number) {
    this.#lookup = lookup;
    this.#version = version;
  }

  lookup(address: Address): Lookup {
    if (!this.#checked) this.#check();
    // No domain has an @, so that no two addresses share a key.
    const key = `${address.localPart}@${address.domain}`;
    const remembered = this.#known.get(key);
    if (remembered !== undefined) return remembered;
    const found = this.#lookup(address);
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }

  /** The directory was changed from here: the next lookup looks again, in the same turn too. */
  changed(): void {
    this.#checked = false;
  }

  #check(): void {
    const version = this.#version();
    if (version !== this.#seen) this.#known.clear();
    this.#seen = version;
    this.#checked = true;
    setImmediate(() => {
      this.#checked = false;
    });
  }
}
