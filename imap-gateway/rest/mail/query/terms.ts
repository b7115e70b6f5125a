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
