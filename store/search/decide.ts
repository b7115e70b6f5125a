/**
 * What a query says of one message, as far as it is known: true, false, or undefined while it needs more of the message.
 * Kleene's logic, so that a cheap key decides before a dear one has to be read.
 */
import type { DateTime, IndexedAddress, IndexedHeaders } from '#mail/mime/message-index.ts';
import { hasFlag } from '../flags.ts';
import type { SearchQuery } from '../search-query.ts';
import type { MessageRow } from '../store.ts';
import type { Flags, ModSeq, Uid } from '../types.ts';
import { contains } from '../uid-set.ts';
import { fold } from './fold.ts';
import { holds } from './holds.ts';

/** A message as far as it has been read. Which of the optional ones a key needs: `LEVEL_OF`. */
export interface Candidate {
  readonly uid: Uid;
  readonly modseq: ModSeq;
  readonly flags: Flags;
  row?: MessageRow;
  /** Decoded fields: name in lower case, folded `name: value` and value. */
  fields?: readonly { readonly name: string; readonly line: string; readonly value: string }[];
  attachment?: boolean;
  /** Folded. */
  filenames?: readonly string[];
  /** Folded text of the body, part by part. */
  text?: readonly string[];
}

/** What has to be read for a key: 0 the placement, 1 the message's row, 2 its decoded headers, 3 its parts, 4 its header section, 5 its text. */
export const LEVEL_OF: { readonly [K in Exclude<SearchQuery['key'], 'and' | 'or' | 'not'>]: number } = {
  all: 0,
  uids: 0,
  flag: 0,
  modseq: 0,
  'internal-date': 1,
  'saved-date': 1,
  older: 1,
  younger: 1,
  larger: 1,
  smaller: 1,
  'email-id': 1,
  'thread-id': 1,
  'sent-date': 2,
  from: 2,
  to: 2,
  cc: 2,
  bcc: 2,
  subject: 2,
  attachment: 3,
  filename: 3,
  header: 4,
  text: 5,
  body: 5,
};

/** @param query its texts folded by `foldQuery`. */
export function decide(query: SearchQuery, doc: Candidate, now: number): boolean | undefined {
  switch (query.key) {
    case 'all':
      return true;
    case 'and':
      return every(query.queries, doc, now);
    case 'or':
      return not(every(query.queries, doc, now, true));
    case 'not':
      return not(decide(query.query, doc, now));
    case 'uids':
      return contains(query.uids, doc.uid);
    case 'flag':
      return hasFlag(doc.flags, query.flag);
    case 'modseq':
      return doc.modseq >= query.since;
    case 'attachment':
      return doc.attachment;
    case 'filename':
      return doc.filenames?.some((name) => holds(name, query.text));
    case 'header':
      return doc.fields && inFields(doc.fields, query.name.toLowerCase(), query.text);
    case 'text':
      if (doc.fields?.some(({ line }) => holds(line, query.text))) return true;
      return doc.text?.some((part) => holds(part, query.text));
    case 'body':
      return doc.text?.some((part) => holds(part, query.text));
    default:
      return doc.row && ofRow(query, doc.row, now);
  }
}

/** True when all are (with `negated`: when none is). */
function every(queries: readonly SearchQuery[], doc: Candidate, now: number, negated = false): boolean | undefined {
  let result: boolean | undefined = true;
  for (const query of queries) {
    const one = negated ? not(decide(query, doc, now)) : decide(query, doc, now);
    if (one === false) return false;
    if (one === undefined) result = undefined;
  }
  return result;
}

const not = (value: boolean | undefined): boolean | undefined => (value === undefined ? undefined : !value);

type RowQuery = Exclude<
  SearchQuery,
  {
    key:
      | 'all'
      | 'and'
      | 'or'
      | 'not'
      | 'uids'
      | 'flag'
      | 'modseq'
      | 'attachment'
      | 'filename'
      | 'header'
      | 'text'
      | 'body';
  }
>;

function ofRow(query: RowQuery, row: MessageRow, now: number): boolean | undefined {
  switch (query.key) {
    case 'internal-date':
      return onDay(dayOf(row.internalDate), query);
    case 'saved-date':
      return onDay(dayOf({ time: row.savedAt, zone: 0 }), query);
    case 'older':
      return row.internalDate.time <= now - query.seconds * 1000;
    case 'younger':
      return row.internalDate.time >= now - query.seconds * 1000;
    case 'larger':
      return row.size > query.octets;
    case 'smaller':
      return row.size < query.octets;
    case 'email-id':
      return row.message === query.id;
    case 'thread-id':
      return row.thread === query.id;
    case 'sent-date':
      return row.headers && row.headers.date !== undefined && onDay(dayOf(row.headers.date), query);
    case 'subject':
      return row.headers && holds(fold(row.headers.subject), query.text);
    default:
      return row.headers && inAddresses(row.headers[query.key], query.text);
  }
}

/** RFC 9051 §6.4.4: the day as the date itself has it, time and zone disregarded. A date that is out of all range matches no day. */
function dayOf(date: DateTime): string {
  const local = date.time + date.zone * 60_000;
  return Math.abs(local) < 8.64e15 ? new Date(local).toISOString().slice(0, 10) : '';
}

function onDay(day: string, query: { readonly op: 'before' | 'on' | 'since'; readonly day: string }): boolean {
  if (day.length !== 10) return false;
  if (query.op === 'on') return day === query.day;
  return query.op === 'before' ? day < query.day : day >= query.day;
}

function inAddresses(addresses: IndexedHeaders['from'], text: string): boolean {
  return addresses.some((address: IndexedAddress) => holds(fold(`${address.name} <${address.address}>`), text));
}

function inFields(fields: NonNullable<Candidate['fields']>, name: string, text: string): boolean {
  return fields.some((field) => field.name === name && holds(field.value, text));
}

/** The query with its texts folded, and cheap parts before dear ones. */
export function foldQuery(query: SearchQuery): SearchQuery {
  switch (query.key) {
    case 'and':
    case 'or':
      return { key: query.key, queries: query.queries.map(foldQuery).sort((a, b) => levelOf(a) - levelOf(b)) };
    case 'not':
      return { key: 'not', query: foldQuery(query.query) };
    default:
      return 'text' in query ? { ...query, text: fold(query.text) } : query;
  }
}

/** The levels above 0 that the query's keys need, ascending. */
export function levelsOf(query: SearchQuery): number[] {
  const levels = new Set<number>();
  const visit = (one: SearchQuery): void => {
    if (one.key === 'not') visit(one.query);
    else if (one.key === 'and' || one.key === 'or') one.queries.forEach(visit);
    else levels.add(LEVEL_OF[one.key]);
    if (one.key === 'text') levels.add(LEVEL_OF.header);
  };
  visit(query);
  levels.delete(0);
  return [...levels].sort((a, b) => a - b);
}

/** The dearest thing that the query may have to read. */
function levelOf(query: SearchQuery): number {
  if (query.key === 'not') return levelOf(query.query);
  if (query.key === 'and' || query.key === 'or') return Math.max(0, ...query.queries.map(levelOf));
  return LEVEL_OF[query.key];
}
