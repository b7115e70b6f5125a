/**
 * The random ids of everything that a client may keep (STORE.md §1). Lower-case letters and digits only, a letter first:
 * safe as a JMAP id (RFC 8620 §1.2: not starting with a digit or dash, not differing by case alone, never "NIL") and as an
 * RFC 8474 object id, in file names and in URLs.
 */
import type { Random } from '#runtime/ambient.ts';

/** The first letter says what it is, for people who read logs. No program looks at it. */
const LETTERS = {
  account: 'a',
  body: 'b',
  commit: 'c',
  delivery: 'd',
  filter: 'r',
  mailbox: 'f',
  message: 'm',
  outbox: 'o',
  password: 'p',
  queue: 'q',
  token: 'k',
  thread: 't',
} as const;

export type IdKind = keyof typeof LETTERS;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 120 bits: no collision to be expected among 2^50 ids, and whole groups of 5 bits. */
const RANDOM_OCTETS = 15;

/** A fresh id of 25 characters. */
export function newId(kind: IdKind, random: Random): string {
  const bytes = random.bytes(RANDOM_OCTETS);
  let id: string = LETTERS[kind];
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      id += ALPHABET[(value >> bits) & 31];
    }
  }
  return id;
}

/** 1 to 64 of [A-Za-z0-9_-]: what every backend accepts as an id, ours or one that came with an archive. */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}
