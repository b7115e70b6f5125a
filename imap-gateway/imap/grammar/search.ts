/** Parses SEARCH (types: search-key.ts). A table of words; nesting is bounded by the cursor's `maxDepth`. */
import { CLOSE, type Cursor, OPEN, SP } from './cursor.ts';
import { parseDate } from './date.ts';
import { parseKeyword } from './flags.ts';
import type { DateOperator, SearchArguments, SearchKey, SearchReturn } from './search-key.ts';
import { atSequenceSet, parseSequenceSet } from './sequence-set.ts';

type KeyParser = (cursor: Cursor, depth: number) => SearchKey;

/** Keys in one command: what a search may cost is bounded elsewhere, what it takes to hold it here. */
const MAX_KEYS = 2_000;

const flag = (name: string, set: boolean): KeyParser => {
  const key: SearchKey = { key: 'FLAG', flag: name, set };
  return () => key;
};

const keyword =
  (set: boolean): KeyParser =>
  (cursor) => {
    cursor.sp();
    return { key: 'FLAG', flag: parseKeyword(cursor), set };
  };

const date =
  (key: 'INTERNALDATE' | 'SENT' | 'SAVED', op: DateOperator): KeyParser =>
  (cursor) => {
    cursor.sp();
    return { key, op, day: parseDate(cursor) };
  };

const text =
  (key: 'FROM' | 'TO' | 'CC' | 'BCC' | 'SUBJECT' | 'BODY' | 'TEXT'): KeyParser =>
  (cursor) => {
    cursor.sp();
    return { key, text: cursor.astring() };
  };

const within =
  (key: 'OLDER' | 'YOUNGER'): KeyParser =>
  (cursor) => {
    cursor.sp();
    return { key, seconds: cursor.nzNumber() };
  };

const size =
  (key: 'LARGER' | 'SMALLER'): KeyParser =>
  (cursor) => {
    cursor.sp();
    return { key, octets: cursor.number64() };
  };

/** RFC 8474 §4.3: object ids are atoms; we take any astring, what doesn't exist doesn't match. */
const objectId =
  (key: 'EMAILID' | 'THREADID'): KeyParser =>
  (cursor) => {
    cursor.sp();
    return { key, id: cursor.astring().toString('latin1') };
  };

const KEYS: ReadonlyMap<string, KeyParser> = new Map<string, KeyParser>([
  ['ALL', () => ({ key: 'ALL' })],
  ['ANSWERED', flag('\\Answered', true)],
  ['BCC', text('BCC')],
  ['BEFORE', date('INTERNALDATE', 'before')],
  ['BODY', text('BODY')],
  ['CC', text('CC')],
  ['DELETED', flag('\\Deleted', true)],
  ['DRAFT', flag('\\Draft', true)],
  ['EMAILID', objectId('EMAILID')],
  ['FLAGGED', flag('\\Flagged', true)],
  ['FROM', text('FROM')],
  ['HEADER', parseHeader],
  ['KEYWORD', keyword(true)],
  ['LARGER', size('LARGER')],
  ['MODSEQ', parseModseq],
  // RFC 3501 §2.3.2 \Recent is gone (RFC 9051 appendix E): no message is recent, so NEW and RECENT match none and OLD all.
  ['NEW', () => ({ key: 'NOT', inner: { key: 'ALL' } })],
  ['NOT', parseNot],
  ['OLD', () => ({ key: 'ALL' })],
  ['OLDER', within('OLDER')],
  ['ON', date('INTERNALDATE', 'on')],
  ['OR', parseOr],
  ['RECENT', () => ({ key: 'NOT', inner: { key: 'ALL' } })],
  ['SAVEDATESUPPORTED', () => ({ key: 'SAVEDATESUPPORTED' })],
  ['SAVEDBEFORE', date('SAVED', 'before')],
  ['SAVEDON', date('SAVED', 'on')],
  ['SAVEDSINCE', date('SAVED', 'since')],
  ['SEEN', flag('\\Seen', true)],
  ['SENTBEFORE', date('SENT', 'before')],
  ['SENTON', date('SENT', 'on')],
  ['SENTSINCE', date('SENT', 'since')],
  ['SINCE', date('INTERNALDATE', 'since')],
  ['SMALLER', size('SMALLER')],
  ['SUBJECT', text('SUBJECT')],
  ['TEXT', text('TEXT')],
  ['THREADID', objectId('THREADID')],
  ['TO', text('TO')],
  ['UID', parseUid],
  ['UNANSWERED', flag('\\Answered', false)],
  ['UNDELETED', flag('\\Deleted', false)],
  ['UNDRAFT', flag('\\Draft', false)],
  ['UNFLAGGED', flag('\\Flagged', false)],
  ['UNKEYWORD', keyword(false)],
  ['UNSEEN', flag('\\Seen', false)],
  ['YOUNGER', within('YOUNGER')],
]);

const RETURNS: ReadonlySet<string> = new Set(['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'] satisfies SearchReturn[]);

/** From the SP behind the name to the end. */
export function parseSearch(cursor: Cursor): SearchArguments {
  cursor.sp();
  let returns: readonly SearchReturn[] | undefined;
  if (cursor.tryKeyword('RETURN')) {
    returns = parseReturns(cursor);
    cursor.sp();
  }
  let charset: string | undefined;
  if (cursor.tryKeyword('CHARSET')) {
    cursor.sp();
    charset = cursor.astring().toString('latin1').toUpperCase();
    cursor.sp();
  }
  const key = parseKeys(cursor, 0);
  cursor.end();
  return { ...(returns && { returns }), ...(charset !== undefined && { charset }), key };
}

/** RFC 4731 §3.1: `RETURN ()` is `RETURN (ALL)`. */
function parseReturns(cursor: Cursor): SearchReturn[] {
  cursor.sp();
  cursor.expect(OPEN);
  const returns: SearchReturn[] = [];
  while (!cursor.try(CLOSE)) {
    if (returns.length > 0) cursor.sp();
    const word = cursor.keyword();
    if (!RETURNS.has(word)) cursor.fail('unknown search result option');
    returns.push(word as SearchReturn);
    if (returns.length > 20) cursor.fail('too many search result options');
  }
  return returns.length === 0 ? ['ALL'] : returns;
}

/** Keys one behind the other: all have to match. */
function parseKeys(cursor: Cursor, depth: number): SearchKey {
  const keys: SearchKey[] = [];
  do {
    keys.push(parseKey(cursor, depth));
    if (keys.length > MAX_KEYS) cursor.fail('too many search keys');
  } while (cursor.try(SP));
  return keys.length === 1 ? (keys[0] as SearchKey) : { key: 'AND', keys };
}

function parseKey(cursor: Cursor, depth: number): SearchKey {
  if (depth > cursor.maxDepth) cursor.fail('search keys nest too deeply');
  if (cursor.try(OPEN)) {
    const inner = parseKeys(cursor, depth + 1);
    cursor.expect(CLOSE);
    return inner;
  }
  if (atSequenceSet(cursor)) return { key: 'SEQUENCE', set: parseSequenceSet(cursor) };
  const word = cursor.keyword();
  const parse = KEYS.get(word);
  return parse === undefined ? cursor.fail(`unknown search key ${word.slice(0, 40)}`) : parse(cursor, depth);
}

function parseNot(cursor: Cursor, depth: number): SearchKey {
  cursor.sp();
  return { key: 'NOT', inner: parseKey(cursor, depth + 1) };
}

/** A chain `OR a OR b OR c …`, which clients send with hundreds of keys, nests only to the right: it is read in a loop. */
function parseOr(cursor: Cursor, depth: number): SearchKey {
  const lefts: SearchKey[] = [];
  do {
    cursor.sp();
    lefts.push(parseKey(cursor, depth + 1));
    if (lefts.length > MAX_KEYS) cursor.fail('too many search keys');
    cursor.sp();
  } while (cursor.tryKeyword('OR'));
  const last = parseKey(cursor, depth + 1);
  return lefts.reduceRight((right, left): SearchKey => ({ key: 'OR', left, right }), last);
}

function parseUid(cursor: Cursor): SearchKey {
  cursor.sp();
  return { key: 'UID', set: parseSequenceSet(cursor) };
}

function parseHeader(cursor: Cursor): SearchKey {
  cursor.sp();
  const name = cursor.astring().toString('latin1');
  cursor.sp();
  return { key: 'HEADER', name, text: cursor.astring() };
}

/** RFC 7162 §3.1.5: `MODSEQ ["/flags/\\Seen" all] 5`. The entry may be given and is ignored, since we keep one modseq a message. */
function parseModseq(cursor: Cursor): SearchKey {
  cursor.sp();
  if (cursor.peek() === 0x22) {
    cursor.quoted();
    cursor.sp();
    const type = cursor.keyword();
    if (type !== 'PRIV' && type !== 'SHARED' && type !== 'ALL') cursor.fail('expected priv, shared or all');
    cursor.sp();
  }
  return { key: 'MODSEQ', since: cursor.number64() };
}
