/** App passwords and tokens as texts: how they are made, read and kept. The texts themselves are shown once and stored nowhere. */
import { hash } from 'node:crypto';
import { deriveScramKeys, type ScramKeys } from '#mail/sasl/scram.ts';
import type { Random } from '#runtime/ambient.ts';

/** Letters that nobody takes for another, without vowels: no words by chance. */
export const LETTERS = 'bcdfghjkmnpqrstvwxyz';
/** 20^16: 69 bits. */
const LENGTH = 16;
const GROUP = 4;
const SHAPE = new RegExp(`^[${LETTERS}]{${LENGTH}}$`);
/** Octets from here on would favour the first letters. */
const FAIR = 256 - (256 % LETTERS.length);

/** As it is shown: `bcdf-ghjk-mnpq-rstv`. */
export function newAppPassword(random: Random): string {
  return grouped(randomLetters(random, LENGTH), '-');
}

/** @param length how many of `LETTERS`. */
export function randomLetters(random: Random, length: number): string {
  let text = '';
  while (text.length < length) {
    for (const octet of random.bytes(length)) {
      if (octet < FAIR && text.length < length) text += LETTERS[octet % LETTERS.length];
    }
  }
  return text;
}

/** The bare letters, whatever spaces, hyphens and capitals somebody typed; `undefined` for what can be no app password. */
export function readAppPassword(text: string): string | undefined {
  const bare = text.replace(/[\s-]/g, '').toLowerCase();
  return SHAPE.test(bare) ? bare : undefined;
}

/**
 * What is kept of an app password. A SCRAM client computes with the text as it was typed, so that there are keys for each way to write it: the
 * bare letters first, then groups with hyphens and with spaces.
 * @param scram the account's own salt and iterations: the server has told them before it knows which password comes.
 */
export async function makeAppPassword(
  text: string,
  scram: { readonly salt: Uint8Array; readonly iterations: number },
): Promise<{ readonly salt: Uint8Array; readonly iterations: number; readonly keys: readonly ScramKeys[] }> {
  const { salt, iterations } = scram;
  const bare = readAppPassword(text) ?? text;
  const spellings = [bare, grouped(bare, '-'), grouped(bare, ' ')];
  const keys = await Promise.all(spellings.map((spelling) => deriveScramKeys(spelling, salt, iterations)));
  return { salt, iterations, keys };
}

/** In groups of four. */
export function grouped(bare: string, separator: string): string {
  return (bare.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? []).join(separator);
}

const TOKEN_SHAPE = /^pp_[A-Za-z0-9_-]{43}$/;

/** `pp_` and 32 random octets in base64url: secret scanners and people know it by its beginning. */
export function newToken(random: Random): string {
  return `pp_${Buffer.from(random.bytes(32)).toString('base64url')}`;
}

/** What the directory knows a token by; `undefined` for what can be none. It has 256 random bits, so that a plain hash is enough. */
export function hashToken(text: string): Uint8Array | undefined {
  return TOKEN_SHAPE.test(text) ? hash('sha256', text, 'buffer') : undefined;
}
