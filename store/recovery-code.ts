/** Recovery codes, each good once in place of a code of the second factor: how they are made, read and kept. The texts themselves are shown once and stored nowhere. */
import { hash } from 'node:crypto';
import type { Random } from '#runtime/ambient.ts';
import { grouped, LETTERS, randomLetters } from './app-password.ts';

export const RECOVERY_CODES = 10;
/** 20^12: 51 bits. Shorter than an app password, so that neither is ever taken for the other. */
const LENGTH = 12;
const SHAPE = new RegExp(`^[${LETTERS}]{${LENGTH}}$`);

/** As they are shown: `bcdf-ghjk-mnpq`. */
export function newRecoveryCodes(random: Random): readonly string[] {
  const codes = new Set<string>();
  while (codes.size < RECOVERY_CODES) codes.add(grouped(randomLetters(random, LENGTH), '-'));
  return [...codes];
}

/** The bare letters, whatever spaces, hyphens and capitals somebody typed; `undefined` for what can be no recovery code. */
export function readRecoveryCode(text: string): string | undefined {
  const bare = text.replace(/[\s-]/g, '').toLowerCase();
  return SHAPE.test(bare) ? bare : undefined;
}

/** What is kept of one. @param text as it was shown, or `readRecoveryCode` of it. @param account its id: the same letters are another code elsewhere. */
export function hashRecoveryCode(text: string, account: string): Uint8Array {
  return hash('sha256', `recovery code of ${account}: ${readRecoveryCode(text) ?? text}`, 'buffer');
}
