/** What the operators of `q=` mean in the store. */
import type { SearchQuery } from '#store/search-query.ts';
import { flagOf, KEYWORD } from '../keywords.ts';
import { QueryError, type Token } from './lexer.ts';

type Term = Extract<Token, { kind: 'term' }>;
type Meaning = (text: string, fail: (message: string) => never) => SearchQuery;

const flag = (name: string): SearchQuery => ({ key: 'flag', flag: name });
const not = (query: SearchQuery): SearchQuery => ({ key: 'not', query });

const IS: ReadonlyMap<string, SearchQuery> = new Map([
  ['read', flag('\\Seen')],
  ['seen', flag('\\Seen')],
  ['unread', not(flag('\\Seen'))],
  ['unseen', not(flag('\\Seen'))],
  ['flagged', flag('\\Flagged')],
  ['starred', flag('\\Flagged')],
  ['unflagged', not(flag('\\Flagged'))],
  ['answered', flag('\\Answered')],
  ['unanswered', not(flag('\\Answered'))],
  ['draft', flag('\\Draft')],
]);

const textual = (key: 'from' | 'to' | 'cc' | 'bcc' | 'subject' | 'body' | 'filename'): Meaning => {
  return (text) => ({ key, text });
};

const day =
  (op: 'before' | 'on' | 'since'): Meaning =>
  (text, fail) => ({ key: 'internal-date', op, day: dayOf(text, fail) });

const size =
  (key: 'larger' | 'smaller'): Meaning =>
  (text, fail) => ({ key, octets: octetsOf(text, fail) });

const OPERATORS: ReadonlyMap<string, Meaning> = new Map([
  ['from', textual('from')],
  ['to', textual('to')],
  ['cc', textual('cc')],
  ['bcc', textual('bcc')],
  ['subject', textual('subject')],
  ['body', textual('body')],
  ['filename', textual('filename')],
  ['before', day('before')],
  ['after', day('since')],
  ['since', day('since')],
  ['on', day('on')],
  ['larger', size('larger')],
  ['smaller', size('smaller')],
  ['is', (text, fail) => IS.get(text.toLowerCase()) ?? fail(`is: takes ${[...IS.keys()].join(', ')}`)],
  [
    'has',
    (text, fail) => (text.toLowerCase() === 'attachment' ? { key: 'attachment' } : fail('has: takes attachment')),
  ],
  [
    'keyword',
    (text, fail) =>
      new RegExp(KEYWORD).test(text) ? flag(flagOf(text)) : fail('keyword: takes a keyword such as $forwarded'),
  ],
  ['in', (_text, fail) => fail('in: takes a mailbox')],
]);

export const isOperator = (field: string): boolean => OPERATORS.has(field);

/** Of Gmail, Outlook and WildDuck, and what says the same here. */
const ELSEWHERE: ReadonlyMap<string, string | undefined> = new Map([
  ['category', undefined],
  ['dateend', 'before:'],
  ['datestart', 'after:'],
  ['deliveredto', 'to:'],
  ['folder', 'in:'],
  ['hasattachment', 'has:attachment'],
  ['label', 'in: or keyword:'],
  ['list', undefined],
  ['mailbox', 'in:'],
  ['maxsize', 'smaller:'],
  ['messagesize', 'larger: or smaller:'],
  ['minsize', 'larger:'],
  ['newer', 'after:'],
  ['newer_than', 'after:'],
  ['older', 'before:'],
  ['older_than', 'before:'],
  ['participants', 'from: or to:'],
  ['received', 'on:'],
  ['rfc822msgid', undefined],
  ['size', 'larger: or smaller:'],
  ['thread', undefined],
]);

/**
 * A word before a colon is a word, as with Gmail: people paste addresses of pages and `Re:`. Not one that somebody has meant as an operator, mistyped or
 * learned elsewhere: a program that deletes what it has found must not find something else. Answers what to say; `undefined` for a word.
 */
export function refusalOf(field: string): string | undefined {
  const near = nearOperator(field);
  const instead = near === undefined ? ELSEWHERE.get(field) : `${near}:`;
  if (near === undefined && !ELSEWHERE.has(field)) return undefined;
  const known = [...OPERATORS.keys()].map((name) => `${name}:`).join(' ');
  const hint = instead === undefined ? '' : ` (${instead} is)`;
  return `${field}: is no operator here${hint}; these are: ${known}. As text it stands in quotes`;
}

/** One that differs by a letter, or by two that changed places. Two or three letters are too few to tell. */
function nearOperator(field: string): string | undefined {
  if (field.length < 4) return undefined;
  return [...OPERATORS.keys()].find((name) => name.length >= 4 && isNear(field, name));
}

function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  if (restA.slice(1) === restB.slice(1) || restA.slice(1) === restB || restA === restB.slice(1)) return true;
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
}

/** What `in:` names. */
export function placeOf({ field, text, at }: Term): string | undefined {
  if (field !== 'in') return undefined;
  if (text === '') throw new QueryError('in: takes a mailbox: its name, its id, or a role such as inbox', at);
  return text;
}

export function queryOf({ field, text, at }: Term): SearchQuery {
  const fail = (message: string): never => {
    throw new QueryError(message, at);
  };
  if (field === undefined) return text === '' ? { key: 'all' } : { key: 'text', text };
  if (text === '') fail(`${field}: takes a value directly behind the colon`);
  return OPERATORS.get(field)!(text, fail);
}

function dayOf(text: string, fail: (message: string) => never): string {
  const [, year, month, date] = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})$/.exec(text) ?? [];
  if (year === undefined) return fail('A day is written 2026-11-23');
  const found = `${year}-${month!.padStart(2, '0')}-${date!.padStart(2, '0')}`;
  const time = Date.parse(`${found}T00:00:00Z`);
  const real = Number.isFinite(time) && new Date(time).toISOString().startsWith(found);
  return real ? found : fail('There is no such day');
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function octetsOf(text: string, fail: (message: string) => never): number {
  const [, number, unit] = /^(\d{1,12}(?:\.\d{1,3})?)([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  if (number === undefined) return fail('A size is written 100k, 2.5M or a number of octets');
  return Math.floor(Number(number) * UNITS[unit!.toLowerCase()]!);
}
