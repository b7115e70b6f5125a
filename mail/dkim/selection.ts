/**
 * Which fields are signed (RFC 6376 §5.4). Those that people see or programs act on are signed once more than they are there, so that nobody can add another
 * one (§8.15). What hosts on the way add or change by right (Received, Return-Path, Authentication-Results) is left alone.
 */
import { splitFields } from '#mail/header/fields.ts';
import { relaxedField } from './canonical.ts';

/** Signed also where they are absent. */
const GUARDED: readonly string[] = [
  'from',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'reply-to',
  'in-reply-to',
  'references',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
];
/** Signed where they are there: a list or a forwarder may add its own. RFC 8058 §4 wants the two of unsubscribing signed. */
const SIGNED =
  /^(?:sender|content-(?:id|description|disposition|language|location|base)|resent-(?:date|from|sender|to|cc|message-id)|list-(?:id|help|unsubscribe|unsubscribe-post|subscribe|post|owner|archive)|auto-submitted)$/;
/** Of one name; a header with more is no letter of anybody's. The last ones count (RFC 6376 §5.4.2). */
const MOST = 50;

export interface Selection {
  /** The tag `h`, in its order. */
  readonly names: readonly string[];
  /** Their canonical lines, in that order; what is absent has none (§3.7). */
  readonly text: string;
}

/** @param header binary string. */
export function selectSigned(header: string): Selection {
  const found = new Map<string, string[]>();
  for (const { name, value } of splitFields(header, { fields: Number.POSITIVE_INFINITY })) {
    const lower = name.toLowerCase();
    if (!GUARDED.includes(lower) && !SIGNED.test(lower)) continue;
    const lines = found.get(lower);
    if (lines === undefined) found.set(lower, [relaxedField(name, value)]);
    else lines.push(relaxedField(name, value));
  }
  const names: string[] = [];
  const text: string[] = [];
  for (const name of new Set([...GUARDED, ...found.keys()])) {
    // RFC 6376 §5.4.2: from the bottom up.
    const lines = found.get(name)?.reverse().slice(0, MOST) ?? [];
    text.push(...lines);
    names.push(...lines.map(() => name), ...(GUARDED.includes(name) ? [name] : []));
  }
  return { names, text: text.join('') };
}
