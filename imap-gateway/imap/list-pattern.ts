/** Mailbox patterns of LIST (RFC 9051 §6.3.9): `*` matches anything, `%` anything within a level. Time is bounded by pattern × name. */

const STAR = '*';
const PERCENT = '%';
const SEPARATOR = '/';

export type Matcher = (name: string) => boolean;

/** @param pattern reference and pattern, joined. INBOX, and INBOX as the first level, match without case (§5.1). */
export function compilePattern(pattern: string): Matcher {
  const simple = collapse(pattern);
  if (!/[*%]/.test(simple)) {
    const wanted = foldInbox(simple);
    return (name) => name === wanted;
  }
  const folded = simple.replace(/^[^/*%]+/, (level) => level.toUpperCase());
  return (name) => {
    if (matches(simple, name)) return true;
    return /^INBOX(\/|$)/.test(name) && folded !== simple && matches(folded, name);
  };
}

/** Runs of wildcards mean no more than one: any `*` among them is a `*`. */
function collapse(pattern: string): string {
  return pattern.replaceAll(/[*%]{2,}/g, (run) => (run.includes(STAR) ? STAR : PERCENT));
}

function foldInbox(name: string): string {
  return name.replace(/^inbox(?=\/|$)/i, 'INBOX');
}

/**
 * Greedy with two places to come back to. A `%` takes as little as it can and grows on failure, never over a separator; when it can't grow, the last
 * `*` before it does. Coming back to an earlier wildcard is never needed, since a later `*` can do all that an earlier one could.
 */
function matches(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let starAt = 0;
  let percent = -1;
  let percentAt = 0;
  for (;;) {
    const char = pattern[p];
    if (char === STAR) {
      star = ++p;
      starAt = n;
      percent = -1;
    } else if (char === PERCENT) {
      percent = ++p;
      percentAt = n;
    } else if (char === undefined ? n === name.length : n < name.length && char === name[n]) {
      if (char === undefined) return true;
      p++;
      n++;
    } else if (percent >= 0 && percentAt < name.length && name[percentAt] !== SEPARATOR) {
      n = ++percentAt;
      p = percent;
    } else if (star >= 0 && starAt < name.length) {
      n = ++starAt;
      p = star;
      percent = -1;
    } else {
      return false;
    }
  }
}
