/** IMAP's flags as JMAP's keywords and back (RFC 8621 §4.1.1). */
import { hasFlag } from '#store/flags.ts';
import type { Flags } from '#store/types.ts';

export { flagOf } from '#store/flags.ts';

const SYSTEM: ReadonlyMap<string, string> = new Map([
  ['\\seen', '$seen'],
  ['\\answered', '$answered'],
  ['\\flagged', '$flagged'],
  ['\\draft', '$draft'],
]);

/** RFC 8621 §4.1.1: 1–255 of %x21-7e without `( ) { ] % * " \`. */
export const KEYWORD = "^[!#$&'+-\\[^-z|}~]{1,255}$";

/** A message that waits to be expunged is there in IMAP alone (RFC 8621 §4.1.1). */
export const isDeleted = (flags: Flags): boolean => hasFlag(flags, '\\Deleted');

/** In lower case (RFC 8621 §4.1.1), sorted; `\Deleted` and flags that nobody knows are left out. */
export function keywordsOf(flags: Flags): string[] {
  const keywords: string[] = [];
  for (const flag of flags) {
    const keyword = flag.startsWith('\\') ? SYSTEM.get(flag.toLowerCase()) : flag.toLowerCase();
    if (keyword !== undefined) keywords.push(keyword);
  }
  return keywords.sort();
}

/**
 * Flags belong to a placement, keywords to a message: it is seen when it was seen wherever it is, and has any other keyword that it has
 * anywhere. What is changed by keyword is changed in all placements, so that they agree from then on.
 */
export function keywordsOfAll(all: readonly Flags[]): string[] {
  if (all.length === 1) return keywordsOf(all[0]!);
  const found = new Set(all.flatMap(keywordsOf));
  if (!all.every((flags) => hasFlag(flags, '\\Seen'))) found.delete('$seen');
  return [...found].sort();
}
