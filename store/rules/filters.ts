/** What an account's filters want done with a message. Pure: the same filters and facts, the same verdict. */
import { type Filter, MOST_FORWARDS } from '../account-rules.ts';
import { fold } from '../search/fold.ts';
import type { Facts } from './facts.ts';
import { holds } from './holds.ts';

export type Place =
  | { readonly kind: 'mailbox'; readonly mailbox: string }
  | { readonly kind: 'junk' }
  /** What is discarded and sent on: it is read from there when it goes. */
  | { readonly kind: 'trash' }
  | { readonly kind: 'nowhere' };

export interface Verdict {
  /** Ids of the filters that the message fits, in their order. */
  readonly matched: readonly string[];
  /** Of the first filter that says where; absent where none does. */
  readonly place?: Place;
  /** JMAP names, each once. */
  readonly keywords: readonly string[];
  /** Addresses, each once, and no more than `MOST_FORWARDS`. */
  readonly forward: readonly string[];
  /** Filters that could not be tried. */
  readonly failed: readonly { readonly id: string; readonly error: unknown }[];
}

export interface FilterOptions {
  /** The sender is on the account's allow list: no filter takes the message for junk. */
  readonly allowed: boolean;
}

/**
 * Tries the enabled filters in order. What they say adds up, but for the place: the first that names one decides. Where a filter can't be tried, it might
 * have named the place: then nothing is discarded.
 */
export function evaluateFilters(filters: readonly Filter[], facts: Facts, { allowed }: FilterOptions): Verdict {
  const matched: string[] = [];
  const failed: { id: string; error: unknown }[] = [];
  const keywords = new Map<string, string>();
  const forward = new Map<string, string>();
  let place: Place | undefined;
  for (const filter of filters) {
    if (!filter.enabled) continue;
    try {
      if (!matches(filter, facts)) continue;
    } catch (error) {
      failed.push({ id: filter.id, error });
      continue;
    }
    matched.push(filter.id);
    place ??= placeOf(filter, allowed);
    for (const keyword of filter.then.keywords ?? []) addOnce(keywords, keyword);
    for (const address of filter.then.forward ?? []) if (forward.size < MOST_FORWARDS) addOnce(forward, address);
    if (filter.stop) break;
  }
  if (place?.kind === 'nowhere' && failed.length > 0) place = undefined;
  if (place?.kind === 'nowhere' && forward.size > 0) place = { kind: 'trash' };
  return {
    matched,
    ...(place && { place }),
    keywords: [...keywords.values()],
    forward: [...forward.values()],
    failed,
  };
}

function addOnce(found: Map<string, string>, text: string): void {
  const key = text.toLowerCase();
  if (!found.has(key)) found.set(key, text);
}

function placeOf({ then }: Filter, allowed: boolean): Place | undefined {
  if (then.mailbox !== undefined) return { kind: 'mailbox', mailbox: then.mailbox };
  if (then.junk) return allowed ? undefined : { kind: 'junk' };
  return then.discard ? { kind: 'nowhere' } : undefined;
}

/** All that is asked must hold; the cheapest is asked first. */
function matches({ when }: Filter, facts: Facts): boolean {
  const { larger, smaller, header } = when;
  if (larger !== undefined && facts.size <= larger) return false;
  if (smaller !== undefined && facts.size >= smaller) return false;
  if (when.hasAttachment !== undefined && facts.attachment !== when.hasAttachment) return false;
  if (when.from !== undefined && !contains(facts.from, when.from)) return false;
  if (when.to !== undefined && !contains(facts.to, when.to)) return false;
  if (when.subject !== undefined && !contains(facts.subject, when.subject)) return false;
  if (when.listId !== undefined && !anyContains(facts.header('list-id'), when.listId)) return false;
  if (header !== undefined && !anyContains(facts.header(header.name), header.contains)) return false;
  return when.text === undefined || contains(facts.text, when.text);
}

const contains = (folded: string, text: string): boolean => holds(folded, fold(text));

function anyContains(values: readonly string[], text: string): boolean {
  const folded = fold(text);
  return values.some((value) => holds(value, folded));
}
