import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandPart } from '../framer.ts';
import { parseAppendHead } from './append.ts';
import { Cursor, type CursorOptions } from './cursor.ts';
import { parseFetch } from './fetch.ts';
import { parseFlagList, parseStoreFlags } from './flags.ts';
import { parseMailbox } from './mailbox.ts';
import { parseList } from './mailbox-list.ts';
import { ParseError } from './parse-error.ts';
import { parseSearch } from './search.ts';
import { parseSelect } from './select.ts';
import { parseSequenceSet, STAR } from './sequence-set.ts';
import { parseStatusItems } from './status.ts';
import { parseStore } from './store.ts';

/** `{…}` in the text becomes a literal, `~{…}` a literal8. */
function over(text: string, options: CursorOptions = {}): Cursor {
  const parts: CommandPart[] = [];
  for (const [i, piece] of text.split(/(~?\{[^}]*\})/).entries()) {
    if (i % 2 === 0) parts.push({ kind: 'text', bytes: Buffer.from(piece) });
    else {
      const binary = piece.startsWith('~');
      parts.push({ kind: 'literal', bytes: Buffer.from(piece.slice(binary ? 2 : 1, -1)), binary });
    }
  }
  return new Cursor(parts, options);
}

const refuses = (
  parse: (cursor: Cursor) => unknown,
  text: string,
  position?: number,
  options?: CursorOptions,
): void => {
  assert.throws(
    () => {
      const cursor = over(text, options);
      parse(cursor);
      cursor.end();
    },
    (error: unknown) => error instanceof ParseError && (position === undefined || error.position === position),
    text,
  );
};

test('astring() reads atoms, quoted strings and literals', () => {
  assert.equal(over('a]b+c rest').text(), 'a]b+c');
  assert.equal(over('"a \\"b\\" \\\\"').text(), 'a "b" \\');
  assert.equal(over('{tést (}').text(), 'tést (');
  refuses((c) => c.astring(), '"a\\n"', 2);
  refuses((c) => c.astring(), '"open', 5);
  refuses((c) => c.astring(), '"tést"');
  assert.equal(over('"tést"', { utf8: true }).text(), 'tést');
  refuses((c) => c.astring(), '~{x}');
  refuses((c) => c.astring(), '(');
  refuses((c) => c.astring(), '"a\rb"');
});

test('numbers keep to 32 bits, mod-sequences to 63', () => {
  assert.equal(over('4294967295').number(), 4_294_967_295);
  refuses((c) => c.number(), '4294967296');
  refuses((c) => c.nzNumber(), '0');
  assert.equal(over('9223372036854775807').number64(), Number.MAX_SAFE_INTEGER);
  refuses((c) => c.number64(), '92233720368547758070');
});

test('positions count literals', () => {
  const parse = (cursor: Cursor): void => {
    cursor.astring();
    cursor.sp();
    cursor.number();
  };
  refuses(parse, '{12345} x', 6);
});

test('parseSequenceSet() reads ranges, * and $', () => {
  assert.deepEqual(parseSequenceSet(over('1,5:2,7:*,*')), {
    kind: 'ranges',
    ranges: [
      [1, 1],
      [5, 2],
      [7, STAR],
      [STAR, STAR],
    ],
  });
  assert.deepEqual(parseSequenceSet(over('$')), { kind: 'saved' });
  for (const text of ['0', '1,', '1:', ',1', '1:2:3', '1,$', '']) refuses(parseSequenceSet, text);
});

test('flags: system flags in their spelling, keywords as written, no \\Recent', () => {
  assert.deepEqual(parseFlagList(over('(\\SEEN $Junk \\deleted)')), ['\\Seen', '$Junk', '\\Deleted']);
  assert.deepEqual(parseFlagList(over('()')), []);
  assert.deepEqual(parseStoreFlags(over('\\Seen work')), ['\\Seen', 'work']);
  for (const text of ['(\\Recent)', '(\\*)', '(a  b)', '(a', '(a )']) refuses(parseFlagList, text);
});

test('mailbox names: modified UTF-7 before UTF-8 is enabled, UTF-8 after', () => {
  assert.equal(parseMailbox(over('inbox')), 'INBOX');
  assert.equal(parseMailbox(over('Inbox/x')), 'INBOX/x');
  assert.equal(parseMailbox(over('"Entw&APw-rfe"')), 'Entwürfe');
  assert.equal(parseMailbox(over('"Entw&APw-rfe"', { utf8: true })), 'Entw&APw-rfe');
  assert.equal(parseMailbox(over('"e\u0301"', { utf8: true })), 'é');
  refuses(parseMailbox, 'a&b');
  refuses(parseMailbox, '{é}');
});

test('parseFetch() reads macros, items, sections and partials', () => {
  assert.deepEqual(parseFetch(over(' 1 FAST')).items, [
    { item: 'FLAGS' },
    { item: 'INTERNALDATE' },
    { item: 'RFC822.SIZE' },
  ]);
  assert.deepEqual(parseFetch(over(' 1:* (uid BODY.PEEK[1.2.HEADER.FIELDS (From "x y")]<5.10> body[])')).items, [
    { item: 'UID' },
    {
      item: 'SECTION',
      peek: true,
      section: { part: [1, 2], text: 'HEADER.FIELDS', fields: ['From', 'x y'] },
      partial: { offset: 5, length: 10 },
    },
    { item: 'SECTION', peek: false, section: { part: [] } },
  ]);
  assert.deepEqual(
    parseFetch(over(' 1 (BINARY.SIZE[1.2] BINARY.PEEK[3]<0.1> RFC822.HEADER PREVIEW (LAZY) BODY)')).items,
    [
      { item: 'BINARY.SIZE', part: [1, 2] },
      { item: 'BINARY', peek: true, part: [3], partial: { offset: 0, length: 1 } },
      { item: 'RFC822', name: 'RFC822.HEADER', peek: true, section: { part: [], text: 'HEADER' } },
      { item: 'PREVIEW', lazy: true },
      { item: 'BODY' },
    ],
  );
  assert.equal(parseFetch(over(' 1 FLAGS (CHANGEDSINCE 12)')).changedSince, 12);
});

test('parseFetch() refuses what is no FETCH', () => {
  const wrong = [
    ' 1 (FAST)',
    ' 1 ()',
    ' 1 BODY[MIME]',
    ' 1 BODY[1.]',
    ' 1 BODY[1TEXT]',
    ' 1 BINARY[1.]',
    ' 1 BODY[0]',
    ' 1 BODY[HEADER.FIELDS ()]',
    ' 1 BODY[]<0.0>',
    ' 1 BODY[]<0>',
    ' 1 BINARY[1.TEXT]',
    ' 1 BODY.PEEK',
    ' 1 FLAGS[1]',
    ' 1 FLAGS (CHANGEDSINCE)',
    ' 1 FLAGS x',
    ' 1',
  ];
  for (const text of wrong) refuses(parseFetch, text);
});

test('parseStore() reads changes, .SILENT and UNCHANGEDSINCE', () => {
  assert.deepEqual(parseStore(over(' 1:2 (UNCHANGEDSINCE 5) -flags.silent (\\Seen)')), {
    set: { kind: 'ranges', ranges: [[1, 2]] },
    change: 'remove',
    silent: true,
    flags: ['\\Seen'],
    unchangedSince: 5,
  });
  assert.equal(parseStore(over(' 1 FLAGS ()')).change, 'replace');
  for (const text of [' 1 FLAG \\Seen', ' 1 +FLAGS', ' 1 +FLAGS.SILENTLY a', ' 1 (X 1) FLAGS a'])
    refuses(parseStore, text);
});

test('parseSearch() reads keys of all kinds', () => {
  const { returns, charset, key } = parseSearch(
    over(' RETURN (MIN SAVE) CHARSET utf-8 2:4 UNSEEN (OR FROM x SUBJECT {é}) NOT BEFORE 1-Feb-2026'),
  );
  assert.deepEqual(returns, ['MIN', 'SAVE']);
  assert.equal(charset, 'UTF-8');
  assert.deepEqual(key, {
    key: 'AND',
    keys: [
      { key: 'SEQUENCE', set: { kind: 'ranges', ranges: [[2, 4]] } },
      { key: 'FLAG', flag: '\\Seen', set: false },
      {
        key: 'OR',
        left: { key: 'FROM', text: Buffer.from('x') },
        right: { key: 'SUBJECT', text: Buffer.from('é') },
      },
      { key: 'NOT', inner: { key: 'INTERNALDATE', op: 'before', day: '2026-02-01' } },
    ],
  });
  assert.deepEqual(parseSearch(over(' RETURN () ALL')).returns, ['ALL']);
  assert.deepEqual(parseSearch(over(' MODSEQ "/flags/\\\\Seen" all 7')).key, { key: 'MODSEQ', since: 7 });
  assert.deepEqual(parseSearch(over(' HEADER x ""')).key, { key: 'HEADER', name: 'x', text: Buffer.alloc(0) });
});

test('parseSearch() bounds its depth, not the length of OR chains', () => {
  refuses(parseSearch, ` ${'('.repeat(50)}ALL${')'.repeat(50)}`);
  refuses(parseSearch, ` ${'NOT '.repeat(50)}ALL`);
  refuses(parseSearch, ` ${'OR ('.repeat(50)}ALL`);
  assert.equal(parseSearch(over(` ${'OR FROM x '.repeat(500)}ALL`)).key.key, 'OR');
  for (const text of [' X', ' ON 31-Feb-2026', ' RETURN (X) ALL', ' OR ALL', ' NOT', '', ' KEYWORD \\Seen', ' ALL ']) {
    refuses(parseSearch, text);
  }
});

test('the other arguments', () => {
  assert.deepEqual(parseSelect(over(' inbox (CONDSTORE)')), { mailbox: 'INBOX', condstore: true });
  assert.deepEqual(parseStatusItems(over('(messages UNSEEN MESSAGES)')), ['MESSAGES', 'UNSEEN']);
  refuses(parseStatusItems, '()');
  assert.deepEqual(parseList(over(' (SUBSCRIBED) "" ("%" INBOX*) RETURN (CHILDREN STATUS (SIZE))')), {
    selection: ['SUBSCRIBED'],
    reference: '',
    patterns: ['%', 'INBOX*'],
    returns: ['CHILDREN'],
    status: ['SIZE'],
  });
  refuses(parseList, ' (RECURSIVEMATCH) "" *');
  assert.deepEqual(parseAppendHead(over('Drafts (\\Draft) " 1-Jan-2026 08:00:00 +0100" ')), {
    mailbox: 'Drafts',
    flags: ['\\Draft'],
    utf8: false,
    date: { time: Date.UTC(2026, 0, 1, 7), zone: 60 },
  });
  assert.equal(parseAppendHead(over('x UTF8 (~{m})')).utf8, true);
});
