/** `q=` cut into what it is made of. */
import type { InputError } from '../../problems.ts';

export type Token =
  /** `quoted` words are never operators. A `field` is the name before the colon, in lower case, where there was one. */
  | {
      readonly kind: 'term';
      readonly field?: string;
      readonly text: string;
      readonly quoted: boolean;
      readonly at: number;
    }
  | { readonly kind: 'or' | 'and' | 'not' | 'open' | 'close'; readonly at: number };

/** What is wrong with a query, and where: characters from its beginning. */
export class QueryError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }

  get input(): InputError {
    return { path: '/query/q', message: `${this.message} (at character ${this.at + 1})` };
  }
}

export interface Operators {
  /** Which words before a colon are operators; any other colon belongs to its word. */
  readonly isOperator: (field: string) => boolean;
  /** What is to be said of one that was only meant as an operator. */
  readonly refusalOf: (field: string) => string | undefined;
}

export function tokensOf(query: string, known: Operators): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < query.length; ) {
    const char = query[at]!;
    if (/\s/.test(char)) at++;
    else if (char === '(' || char === ')') tokens.push({ kind: char === '(' ? 'open' : 'close', at: at++ });
    else if (char === '-' && /[^\s)-]/.test(query[at + 1] ?? ' ')) tokens.push({ kind: 'not', at: at++ });
    else at = term(query, at, known, tokens);
  }
  return tokens;
}

const WORD = /[^\s()"]+/y;

function term(query: string, start: number, known: Operators, tokens: Token[]): number {
  let at = start;
  const name = /[A-Za-z][A-Za-z0-9_-]*(?=:)/y;
  name.lastIndex = at;
  const field = name.exec(query)?.[0].toLowerCase();
  const operator = field !== undefined && known.isOperator(field) ? field : undefined;
  if (field !== undefined && operator === undefined && /[^\s()]/.test(query[at + field.length + 1] ?? ' ')) {
    const refusal = known.refusalOf(field);
    if (refusal !== undefined) throw new QueryError(refusal, at);
  }
  if (operator !== undefined) at += operator.length + 1;
  if (query[at] === '"') {
    const end = query.indexOf('"', at + 1);
    if (end < 0) throw new QueryError('A quotation mark is not closed', at);
    tokens.push({
      kind: 'term',
      ...(operator && { field: operator }),
      text: query.slice(at + 1, end),
      quoted: true,
      at: start,
    });
    return end + 1;
  }
  WORD.lastIndex = at;
  const text = WORD.exec(query)?.[0] ?? '';
  if (operator === undefined && (text === 'OR' || text === 'AND' || text === 'NOT')) {
    tokens.push({ kind: text.toLowerCase() as 'or' | 'and' | 'not', at: start });
  } else tokens.push({ kind: 'term', ...(operator && { field: operator }), text, quoted: false, at: start });
  return at + text.length;
}
