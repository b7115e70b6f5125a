/** Passwords: what is kept of them, and how one is checked. Nothing here ever stores or logs a password. */
import { argon2, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { MailError } from '#mail/failure.ts';
import { saslprep } from '#mail/sasl/saslprep.ts';
import { deriveScramKeys, type ScramKeys } from '#mail/sasl/scram.ts';
import type { AccountSecret } from './directory.ts';

/** OWASP's argon2id with the least memory: 35 ms and 19 MB, so that a burst of logins does not push the mail out of memory. */
const ARGON2 = { memory: 19_456, passes: 2, parallelism: 1 } as const;
/** RFC 7677 §4: at least 4096. Every login of a SCRAM client computes so many on its side. */
export const SCRAM_ITERATIONS = 20_000;
const HASH_OCTETS = 32;
const SALT_OCTETS = 16;
/** Argon2 runs on the few threads that file access and DNS use too. */
const AT_ONCE = 2;
/** Checks that wait, 10 s of work: who would come later than that hears at once that it is too much. */
const MOST_WAITING = 500;

const derive = promisify(argon2);

/** What SCRAM keys are derived with; a server tells it before it knows which password will come. */
export interface ScramSalt {
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/**
 * What is kept of a password, under fresh salts.
 * @param scram of the password before, when this one replaces it: app passwords are keyed with it too.
 */
export async function makeSecret(password: string, scram?: ScramSalt): Promise<AccountSecret> {
  const parameters = { salt: randomBytes(SALT_OCTETS), ...ARGON2 };
  const { salt, iterations } = scram ?? { salt: randomBytes(SALT_OCTETS), iterations: SCRAM_ITERATIONS };
  const [hash, keys] = await Promise.all([
    hashPassword(password, parameters, HASH_OCTETS),
    deriveScramKeys(password, salt, iterations),
  ]);
  return { argon2: { ...parameters, hash }, scram: { salt, iterations, ...keys } };
}

export interface PasswordCheckerOptions {
  readonly now: () => number;
  /** Milliseconds for which a password that was right needs no new computation; 0 remembers nothing. */
  readonly rememberMs?: number;
}

const REMEMBER_MS = 300_000;
const MOST_REMEMBERED = 10_000;
/** Stands in for the secret of a user that does not exist, so that both cost the same. */
const NOBODY: AccountSecret['argon2'] = { ...ARGON2, salt: randomBytes(SALT_OCTETS), hash: randomBytes(HASH_OCTETS) };

/**
 * Checks passwords. Mail clients open several connections and come back often: what was right is remembered for a while, as a
 * keyed hash over the secret and the password, which a new password makes worthless at once.
 */
export class PasswordChecker {
  readonly #key = randomBytes(32);
  readonly #remembered = new Map<string, number>();
  readonly #options: PasswordCheckerOptions;

  constructor(options: PasswordCheckerOptions) {
    this.#options = options;
  }

  /** Without a secret (an unknown user) it computes as much, and answers false. @throws MailError `unavailable` where too many wait. */
  async check(secret: AccountSecret['argon2'] | undefined, password: string): Promise<boolean> {
    const known = secret ?? NOBODY;
    const mark = this.#mark([known.hash, known.salt], password);
    if (secret !== undefined && this.#remembers(mark)) return true;
    refuseWhereMany();
    const hash = await hashPassword(password, known, known.hash.length);
    const right = timingSafeEqual(hash, known.hash) && secret !== undefined;
    if (right) this.#remember(mark);
    return right;
  }

  /**
   * The one of these app passwords that `bare` (`readAppPassword`) is. Computes once, however many there are, and also when there are none.
   * @param scram salt and iterations of the account, or those made up for a stranger.
   * @throws MailError `unavailable` where too many wait.
   */
  async pick<P extends { readonly keys: readonly ScramKeys[] }>(
    passwords: readonly P[],
    scram: ScramSalt,
    bare: string,
  ): Promise<P | undefined> {
    const markOf = (storedKey: Uint8Array): string => this.#mark([storedKey, scram.salt], bare);
    const known = passwords.find(({ keys }) => keys[0] !== undefined && this.#remembers(markOf(keys[0].storedKey)));
    if (known !== undefined) return known;
    refuseWhereMany();
    const { storedKey } = await gated(() => deriveScramKeys(bare, scram.salt, scram.iterations));
    const [right] = passwords.filter(
      ({ keys: [first] }) =>
        first?.storedKey.length === storedKey.length && timingSafeEqual(first.storedKey, storedKey),
    );
    if (right !== undefined) this.#remember(markOf(storedKey));
    return right;
  }

  #mark(secret: readonly Uint8Array[], password: string): string {
    const mark = createHmac('sha256', this.#key);
    for (const part of secret) mark.update(part);
    return mark.update(password).digest('base64');
  }

  #remembers(mark: string): boolean {
    return (this.#remembered.get(mark) ?? 0) > this.#options.now();
  }

  #remember(mark: string): void {
    const until = this.#options.now() + (this.#options.rememberMs ?? REMEMBER_MS);
    this.#remembered.delete(mark);
    this.#remembered.set(mark, until);
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size > MOST_REMEMBERED && !oldest.done) this.#remembered.delete(oldest.value);
  }
}

type Argon2Parameters = Omit<AccountSecret['argon2'], 'hash'>;

let running = 0;
const waiting: (() => void)[] = [];

async function hashPassword(password: string, given: Argon2Parameters, tagLength: number): Promise<Buffer> {
  const { salt, memory, passes, parallelism } = given;
  // The same preparation as SCRAM's, so that a password is one password whatever the mechanism.
  const message = saslprep(password) ?? password;
  return await gated(() => derive('argon2id', { message, nonce: salt, memory, passes, parallelism, tagLength }));
}

/** Only whoever checks a password that came from outside asks: new passwords are made as they are wanted. */
function refuseWhereMany(): void {
  if (waiting.length >= MOST_WAITING) throw new MailError('unavailable', 'Too many logins at once, try again');
}

async function gated<T>(compute: () => Promise<T>): Promise<T> {
  while (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    return await compute();
  } finally {
    running--;
    waiting.shift()?.();
  }
}
