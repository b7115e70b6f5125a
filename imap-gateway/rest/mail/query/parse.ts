/**
 * `q=` as people write it: `from:alice has:attachment -"out of office" (is:unread OR is:flagged)`. Words that stand side by side must all be there; a
 * word before a colon that is no operator is part of a word, unless it was meant as one (terms.ts). What it means in the store: terms.ts.
 */
import type { SearchQuery } from '#store/search-query.ts';
import { QueryError, type Token, tokensOf } from './lexer.ts';
import { isOperator, placeOf, queryOf, refusalOf } from './terms.ts';

/** What is searched for, and where: names, roles or ids of mailboxes; none means everywhere but Junk and Trash. */
export interface ParsedQuery {
  readonly query: SearchQuery;
  readonly in: readonly string[];
}

const MOST_TOKENS = 200;
const DEEPEST = 20;

/** Throws `QueryError`. */
export function parseQuery(text: string): ParsedQuery {
  const tokens = tokensOf(text.normalize('NFC'), { isOperator, refusalOf });
  if (tokens.length > MOST_TOKENS)
    throw new QueryError(`A query has at most ${MOST_TOKENS} words`, tokens[MOST_TOKENS]!.at);
  return new Parser(tokens, text.length).parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  readonly #places: string[] = [];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
  }

  parse(): ParsedQuery {
    const query = this.#alternatives();
    const rest = this.#peek();
    if (rest !== undefined) throw new QueryError('A parenthesis is closed that was not opened', rest.at);
    return { query, in: this.#places };
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #alternatives(): SearchQuery {
    const queries = [this.#all()];
    while (this.#peek()?.kind === 'or') {
      const { at } = this.#tokens[this.#next++]!;
      if (this.#isEnd()) throw new QueryError('OR stands between two words', at);
      queries.push(this.#all());
    }
    return queries.length === 1 ? queries[0]! : { key: 'or', queries };
  }

  /** Up to an OR or the end of the parenthesis. */
  #all(): SearchQuery {
    const queries: SearchQuery[] = [];
    const first = this.#peek();
    if (first?.kind === 'or') throw new QueryError('OR stands between two words', first.at);
    while (!this.#isEnd() && this.#peek()!.kind !== 'or') {
      if (this.#peek()!.kind === 'and') this.#next++;
      else queries.push(this.#one());
    }
    const wanted = queries.filter(({ key }) => key !== 'all');
    if (wanted.length === 0) return { key: 'all' };
    return wanted.length === 1 ? wanted[0]! : { key: 'and', queries: wanted };
  }

  #one(): SearchQuery {
    const token = this.#tokens[this.#next++]!;
    if (token.kind === 'not') {
      if (this.#isEnd()) throw new QueryError('NOT stands before what it excludes', token.at);
      return { key: 'not', query: this.#nested(() => this.#one(), token) };
    }
    if (token.kind === 'open') return this.#nested(() => this.#parenthesis(token), token);
    if (token.kind !== 'term') throw new QueryError(`${token.kind.toUpperCase()} stands between two words`, token.at);
    const place = placeOf(token);
    if (place === undefined) return queryOf(token);
    if (this.#depth > 0) throw new QueryError('in: says where to look, and stands for the whole query', token.at);
    this.#places.push(place);
    return { key: 'all' };
  }

  #parenthesis(open: Token): SearchQuery {
    const query = this.#alternatives();
    if (this.#peek()?.kind !== 'close') throw new QueryError('A parenthesis is not closed', open.at);
    this.#next++;
    return query;
  }

  #nested(parse: () => SearchQuery, token: Token): SearchQuery {
    if (++this.#depth > DEEPEST) throw new QueryError('The query is nested too deeply', token.at ?? this.#end);
    const query = parse();
    this.#depth--;
    return query;
  }

  #isEnd(): boolean {
    const kind = this.#peek()?.kind;
    return kind === undefined || kind === 'close';
  }
}
