/**
 * Flags as every backend keeps them. System flags have one spelling; keywords keep the spelling in which the account
 * first stored them; all are compared without case (RFC 9051 §2.3.2). `\Recent` is not kept: RFC 9051 has dropped it.
 */
import type { FlagChange } from './mutation.ts';
import type { Flags } from './types.ts';

export const SYSTEM_FLAGS = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'] as const;

const SYSTEM: ReadonlyMap<string, string> = new Map(SYSTEM_FLAGS.map((flag) => [flag.toLowerCase(), flag]));

const FLAGS: ReadonlyMap<string, string> = new Map([
  ['$seen', '\\Seen'],
  ['$answered', '\\Answered'],
  ['$flagged', '\\Flagged'],
  ['$draft', '\\Draft'],
]);

/** JMAP's keyword as a flag (RFC 8621 §4.1.1). */
export const flagOf = (keyword: string): string => FLAGS.get(keyword.toLowerCase()) ?? keyword;

/** The lower-case form by which flags are compared. */
export const flagKey = (flag: string): string => flag.toLowerCase();

export const hasFlag = (flags: Flags, flag: string): boolean => {
  const key = flagKey(flag);
  return flags.some((f) => flagKey(f) === key);
};

/** The spellings that an account has seen first, by lower-case form. */
export interface Spelling {
  get(key: string): string | undefined;
  set(key: string, flag: string): void;
}

/** Canonical spelling, each flag once, ordered by lower-case form; `\Recent` falls out. */
export function normaliseFlags(flags: Flags, spelling: Spelling): Flags {
  const found = new Map<string, string>();
  for (const flag of flags) {
    const key = flagKey(flag);
    if (key === '\\recent' || found.has(key)) continue;
    let spelt = SYSTEM.get(key) ?? spelling.get(key);
    if (spelt === undefined) {
      spelling.set(key, flag);
      spelt = flag;
    }
    found.set(key, spelt);
  }
  return [...found.keys()].sort().map((key) => found.get(key)!);
}

/** `next` was normalised with the same spellings as `current`. */
export function changeFlags(current: Flags, change: FlagChange, next: Flags): Flags {
  if (change === 'replace') return next;
  const keys = new Set(next.map(flagKey));
  const others = current.filter((flag) => !keys.has(flagKey(flag)));
  return change === 'remove' ? others : [...others, ...next].sort((a, b) => (flagKey(a) < flagKey(b) ? -1 : 1));
}

/** The keywords in these sets, in the order in which they occur. */
export function keywordsOf(sets: Iterable<Flags>): Flags {
  const found = new Set<string>();
  for (const flags of sets) for (const flag of flags) if (!flag.startsWith('\\')) found.add(flag);
  return [...found];
}

/** Both normalised. */
export const sameFlags = (a: Flags, b: Flags): boolean => a.length === b.length && a.every((flag, i) => flag === b[i]);
