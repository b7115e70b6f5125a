/**
 * What was read is remembered for as long as what it was read from stays as it was: SQLite takes its locks anew for each statement. What a process asks in
 * a turn of its event loop sees at least every change that was made before that turn.
 */

/** Strangers choose what is asked. */
const MOST = 32_768;

export class TurnCache {
  readonly #version: () => number;
  readonly #known = new Map<string, { readonly value: unknown }>();
  #seen: number | undefined;
  #checked = false;

  /** @param version a number that any change changes; asked once a turn. */
  constructor(version: () => number) {
    this.#version = version;
  }

  /** @param key names what `ask` asks: the same key, the same question. */
  get<V>(key: string, ask: () => V): V {
    if (!this.#checked) this.#check();
    const remembered = this.#known.get(key);
    if (remembered !== undefined) return remembered.value as V;
    const value = ask();
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(key, { value });
    return value;
  }

  /** Something was changed from here: the next question looks again, in the same turn too. */
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
