import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SearchQuery } from '#store/search-query.ts';
import { QueryError } from './lexer.ts';
import { parseQuery } from './parse.ts';

const of = (q: string): SearchQuery => parseQuery(q).query;
const text = (word: string): SearchQuery => ({ key: 'text', text: word });
const seen: SearchQuery = { key: 'flag', flag: '\\Seen' };

test('words, phrases and operators', () => {
  assert.deepEqual(of(''), { key: 'all' });
  assert.deepEqual(of('hello'), text('hello'));
  assert.deepEqual(of('hello "big world"'), { key: 'and', queries: [text('hello'), text('big world')] });
  assert.deepEqual(of('from:alice@x.test'), { key: 'from', text: 'alice@x.test' });
  assert.deepEqual(of('Subject:"a b"'), { key: 'subject', text: 'a b' });
  assert.deepEqual(of('is:unread'), { key: 'not', query: seen });
  assert.deepEqual(of('has:attachment'), { key: 'attachment' });
  assert.deepEqual(of('before:2026/1/2'), { key: 'internal-date', op: 'before', day: '2026-01-02' });
  assert.deepEqual(of('larger:1.5M'), { key: 'larger', octets: 1_572_864 });
  assert.deepEqual(of('smaller:20kb'), { key: 'smaller', octets: 20_480 });
  assert.deepEqual(of('keyword:$Forwarded'), { key: 'flag', flag: '$Forwarded' });
});

test('NOT, OR and parentheses', () => {
  const not = (query: SearchQuery): SearchQuery => ({ key: 'not', query });
  assert.deepEqual(of('-a'), not(text('a')));
  assert.deepEqual(of('NOT from:a'), not({ key: 'from', text: 'a' }));
  assert.deepEqual(of('a OR b c'), {
    key: 'or',
    queries: [text('a'), { key: 'and', queries: [text('b'), text('c')] }],
  });
  assert.deepEqual(of('a AND -(b OR c)'), {
    key: 'and',
    queries: [text('a'), not({ key: 'or', queries: [text('b'), text('c')] })],
  });
  assert.deepEqual(of('a - b'), { key: 'and', queries: [text('a'), text('-'), text('b')] });
});

test('what is no operator is a word', () => {
  assert.deepEqual(of('http://x.test/a'), text('http://x.test/a'));
  assert.deepEqual(of('colour:red'), text('colour:red'));
  assert.deepEqual(of('"is:unread"'), text('is:unread'));
  assert.deepEqual(of('or and'), { key: 'and', queries: [text('or'), text('and')] });
  assert.deepEqual(of('semi-dry 3:1'), { key: 'and', queries: [text('semi-dry'), text('3:1')] });
});

test('what was meant as an operator is not searched for as a word', () => {
  const wrong: [string, RegExp, number][] = [
    ['form:alice', /^form: is no operator here \(from: is\); these are: from: to: /, 0],
    ['x subjct:a', /subject: is/, 2],
    ['(large:5M)', /larger: is/, 1],
    ['label:work', /in: or keyword:/, 0],
    ['older_than:1y', /before: is/, 0],
    ['rfc822msgid:a@b', /is no operator here;/, 0],
    ['-Size:"1"', /size: is no operator/, 1],
  ];
  for (const [q, message, at] of wrong) {
    assert.throws(
      () => of(q),
      (error) => error instanceof QueryError && message.test(error.message) && error.at === at,
      q,
    );
  }
  for (const q of [
    '"label:work"',
    'Re:hello',
    'label:',
    'https://label.test',
    'mailto:a@b',
    'no:thing',
    'list-id:x',
    'C:\\temp',
  ]) {
    assert.deepEqual(of(q), text(q.replaceAll('"', '')), q);
  }
});

test('in: says where to look', () => {
  assert.deepEqual(parseQuery('in:sent in:"Big Projects" hello'), {
    query: text('hello'),
    in: ['sent', 'Big Projects'],
  });
});

test('mistakes are named with their place', () => {
  const wrong: [string, RegExp, number][] = [
    ['a "b', /not closed/, 2],
    ['(a', /not closed/, 0],
    ['a)', /not opened/, 1],
    ['OR a', /between/, 0],
    ['a OR', /between/, 2],
    ['a NOT', /before/, 2],
    ['from:', /value/, 0],
    ['x before:2026-02-30', /no such day/, 2],
    ['is:blue', /is: takes/, 0],
    ['larger:big', /size/, 0],
    ['-in:sent', /whole query/, 1],
    ['('.repeat(30), /deeply/, 20],
    ['a '.repeat(201), /at most/, 400],
  ];
  for (const [q, message, at] of wrong) {
    assert.throws(
      () => parseQuery(q),
      (error) => error instanceof QueryError && message.test(error.message) && error.at === at,
      q,
    );
  }
});

/** A query and how people may write it. */
const word = fc.stringMatching(/^[a-z]{1,6}$/).filter((w) => w.length > 0);
const leaf: fc.Arbitrary<[string, SearchQuery]> = fc.oneof(
  word.map((w): [string, SearchQuery] => [w, text(w)]),
  fc.tuple(word, word).map(([a, b]): [string, SearchQuery] => [`"${a} ${b}"`, text(`${a} ${b}`)]),
  word.map((w): [string, SearchQuery] => [`from:${w}`, { key: 'from', text: w }]),
  word.map((w): [string, SearchQuery] => [`SUBJECT:"${w}:("`, { key: 'subject', text: `${w}:(` }]),
  fc.constant<[string, SearchQuery]>(['is:read', seen]),
  fc.nat(10 ** 9).map((n): [string, SearchQuery] => [`larger:${n}`, { key: 'larger', octets: n }]),
);
const tree: fc.Arbitrary<[string, SearchQuery]> = fc.letrec<{ query: [string, SearchQuery] }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    tie('query').map(([q, query]): [string, SearchQuery] => [`-(${q})`, { key: 'not', query }]),
    fc
      .tuple(fc.constantFrom<'and' | 'or'>('and', 'or'), fc.array(tie('query'), { minLength: 2, maxLength: 3 }))
      .map(([key, all]): [string, SearchQuery] => [
        all.map(([q]) => `(${q})`).join(key === 'or' ? ' OR ' : ' '),
        { key, queries: all.map(([, query]) => query) },
      ]),
  ),
})).query;

test('whatever is meant is understood', () => {
  fc.assert(fc.property(tree, ([q, query]) => assert.deepEqual(of(q), query)));
});

test('whatever is written is understood or refused with its place', () => {
  const pieces = fc.constantFrom(
    '(',
    ')',
    '"',
    '-',
    ' ',
    ':',
    'OR',
    'NOT',
    'AND',
    'from:',
    'in:',
    'is:',
    'a',
    'é',
    '\u0000',
    '2026-01-01',
    'before:',
  );
  const any = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(pieces, { maxLength: 30 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(any, (q) => {
      try {
        parseQuery(q);
      } catch (error) {
        assert.ok(error instanceof QueryError, String(error));
        assert.ok(error.at >= 0 && error.at <= q.normalize('NFC').length);
      }
    }),
    { numRuns: 200 },
  );
});
