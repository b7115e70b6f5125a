/**
 * Logins on their way into the log, collected: what comes again within an hour is counted and written once a minute, the rest together every few
 * seconds, since each write of the directory costs a sync. What is not written yet may be lost.
 */
import type { LoginNote } from './credentials.ts';
import type { CountedLogin } from './directory-logins.ts';

const AGAIN_MS = 60_000;
const TOGETHER_MS = 5_000;
/** For how long the log counts on in the same line. */
const SAME_LINE_MS = 3_600_000;
/** Beyond, the oldest are forgotten. */
const MOST = 10_000;

/** Characters of a name: nobody's is longer, and strangers write them. */
const LONGEST = 512;

export class LoginNotes {
  readonly #write: (logins: readonly CountedLogin[]) => void;
  /** When what is alike was noted first, for as long as it is counted in one line. */
  readonly #begun = new Map<string, number>();
  #waiting = new Map<string, CountedLogin>();
  #quietUntil = 0;
  #timer: { readonly due: number; readonly handle: NodeJS.Timeout } | undefined;

  /** @param write may throw: what it was given is lost then. */
  constructor(write: (logins: readonly CountedLogin[]) => void) {
    this.#write = write;
  }

  note(note: LoginNote): void {
    this.add({ note: { ...note, login: clipped(note.login) }, first: note.at, last: note.at, count: 1 });
  }

  add(login: CountedLogin): void {
    const key = keyOf(login.note);
    const before = this.#waiting.get(key);
    const { first, last, count } = login;
    this.#waiting.set(
      key,
      before === undefined ? login : { ...before, last: Math.max(before.last, last), count: before.count + count },
    );
    forgetOldest(this.#waiting);
    const begun = this.#begun.get(key);
    const isNew = begun === undefined || first - begun > SAME_LINE_MS;
    if (isNew) {
      this.#begun.delete(key);
      this.#begun.set(key, first);
      forgetOldest(this.#begun);
    }
    this.#flushAt(Math.max(this.#quietUntil, performance.now() + (isNew ? 0 : AGAIN_MS)));
  }

  #flushAt(due: number): void {
    if (this.#timer !== undefined && this.#timer.due <= due) return;
    clearTimeout(this.#timer?.handle);
    const handle = setTimeout(() => this.flush(), Math.max(0, due - performance.now())).unref();
    this.#timer = { due, handle };
  }

  flush(): void {
    clearTimeout(this.#timer?.handle);
    this.#timer = undefined;
    this.#quietUntil = performance.now() + TOGETHER_MS;
    const logins = [...this.#waiting.values()];
    this.#waiting = new Map();
    if (logins.length === 0) return;
    try {
      this.#write(logins);
    } catch (error) {
      // A disk that is full, above all: nothing depends on the log, and a login must not fail of it.
      if (!(error instanceof Error)) throw error;
    }
  }

  close(): void {
    this.flush();
    clearTimeout(this.#timer?.handle);
  }
}

/** A copy: a slice would hold all that a stranger sent. */
const clipped = (login: string): string =>
  login.length <= LONGEST ? login : Buffer.from(login.slice(0, LONGEST)).toString();

function forgetOldest(map: Map<string, unknown>): void {
  const oldest = map.keys().next();
  if (map.size > MOST && !oldest.done) map.delete(oldest.value);
}

function keyOf({ account, login, protocol, remote, outcome, appPassword, token }: LoginNote): string {
  return JSON.stringify([account ?? login.toLowerCase(), protocol, remote, outcome, appPassword, token]);
}
