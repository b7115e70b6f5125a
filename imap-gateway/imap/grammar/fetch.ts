/** The arguments of FETCH (RFC 9051 §6.4.5, RFC 3501 §6.4.5, RFC 7162 §3.1.4). */
import { type Cursor, OPEN, SP } from './cursor.ts';
import { parseParenthesised } from './list.ts';
import { type Partial, parseBinaryPart, parsePartial, parseSection, type SectionSpec } from './section.ts';
import { parseSequenceSet, type SequenceSet } from './sequence-set.ts';

export type SimpleFetchItem =
  | 'UID'
  | 'FLAGS'
  | 'INTERNALDATE'
  | 'RFC822.SIZE'
  | 'ENVELOPE'
  | 'BODY'
  | 'BODYSTRUCTURE'
  | 'MODSEQ'
  | 'EMAILID'
  | 'THREADID'
  | 'SAVEDATE';

export type FetchItem =
  | { readonly item: SimpleFetchItem }
  /** RFC 8970 §3.1: `lazy` may be answered with NIL. */
  | { readonly item: 'PREVIEW'; readonly lazy: boolean }
  | { readonly item: 'SECTION'; readonly peek: boolean; readonly section: SectionSpec; readonly partial?: Partial }
  /** RFC822, RFC822.HEADER, RFC822.TEXT: the same octets as a section, under another name. */
  | { readonly item: 'RFC822'; readonly name: string; readonly peek: boolean; readonly section: SectionSpec }
  | { readonly item: 'BINARY'; readonly peek: boolean; readonly part: readonly number[]; readonly partial?: Partial }
  | { readonly item: 'BINARY.SIZE'; readonly part: readonly number[] };

export interface FetchArguments {
  readonly set: SequenceSet;
  readonly items: readonly FetchItem[];
  readonly changedSince?: number;
}

const OPEN_BRACKET = 0x5b;
/** More attributes than any client asks for, few enough to bound one message's answer. */
const MAX_ITEMS = 200;

const SIMPLE: ReadonlySet<string> = new Set([
  'UID',
  'FLAGS',
  'INTERNALDATE',
  'RFC822.SIZE',
  'ENVELOPE',
  'BODY',
  'BODYSTRUCTURE',
  'MODSEQ',
  'EMAILID',
  'THREADID',
  'SAVEDATE',
] satisfies SimpleFetchItem[]);

const FAST: readonly SimpleFetchItem[] = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'];
const MACROS: ReadonlyMap<string, readonly SimpleFetchItem[]> = new Map([
  ['FAST', FAST],
  ['ALL', [...FAST, 'ENVELOPE']],
  ['FULL', [...FAST, 'ENVELOPE', 'BODY']],
]);

/** From the SP behind the name to the end. */
export function parseFetch(cursor: Cursor): FetchArguments {
  cursor.sp();
  const set = parseSequenceSet(cursor);
  cursor.sp();
  const items = parseItems(cursor);
  const changedSince = cursor.try(SP) ? parseModifiers(cursor) : undefined;
  cursor.end();
  return changedSince === undefined ? { set, items } : { set, items, changedSince };
}

/** A macro stands alone, never in a list (RFC 9051 §9 fetch). */
function parseItems(cursor: Cursor): readonly FetchItem[] {
  if (cursor.peek() === OPEN) {
    const items = parseParenthesised(cursor, parseFetchItem, 'filled');
    if (items.length > MAX_ITEMS) cursor.fail('too many items');
    return items;
  }
  const macro = MACROS.get(cursor.peekKeyword());
  if (macro === undefined) return [parseFetchItem(cursor)];
  cursor.atom();
  return macro.map((item) => ({ item }));
}

function parseFetchItem(cursor: Cursor): FetchItem {
  const name = parseItemName(cursor);
  if (SIMPLE.has(name) && cursor.peek() !== OPEN_BRACKET) return { item: name as SimpleFetchItem };
  switch (name) {
    case 'BODY':
      return parseBodySection(cursor, false);
    case 'BODY.PEEK':
      return parseBodySection(cursor, true);
    case 'BINARY':
      return parseBinary(cursor, false);
    case 'BINARY.PEEK':
      return parseBinary(cursor, true);
    case 'BINARY.SIZE':
      cursor.expect(OPEN_BRACKET);
      return { item: 'BINARY.SIZE', part: parseBinaryPart(cursor) };
    case 'RFC822':
      return { item: 'RFC822', name, peek: false, section: { part: [] } };
    case 'RFC822.HEADER':
      return { item: 'RFC822', name, peek: true, section: { part: [], text: 'HEADER' } };
    case 'RFC822.TEXT':
      return { item: 'RFC822', name, peek: false, section: { part: [], text: 'TEXT' } };
    case 'PREVIEW':
      return { item: 'PREVIEW', lazy: parseLazy(cursor) };
    default:
      return cursor.fail(`unknown fetch item ${name.slice(0, 40)}`);
  }
}

/** `[` is an ATOM-CHAR, so an atom would run into the section: the name ends before it. */
function parseItemName(cursor: Cursor): string {
  const run = cursor.peekKeyword();
  const bracket = run.indexOf('[');
  const name = bracket < 0 ? run : run.slice(0, bracket);
  if (name === '') cursor.fail('expected a fetch item');
  cursor.tryText(name);
  return name;
}

function parseBodySection(cursor: Cursor, peek: boolean): FetchItem {
  cursor.expect(OPEN_BRACKET);
  const section = parseSection(cursor);
  const partial = parsePartial(cursor);
  return partial === undefined ? { item: 'SECTION', peek, section } : { item: 'SECTION', peek, section, partial };
}

function parseBinary(cursor: Cursor, peek: boolean): FetchItem {
  cursor.expect(OPEN_BRACKET);
  const part = parseBinaryPart(cursor);
  const partial = parsePartial(cursor);
  return partial === undefined ? { item: 'BINARY', peek, part } : { item: 'BINARY', peek, part, partial };
}

/** `PREVIEW (LAZY)` (RFC 8970 §3.1). The space before the parenthesis belongs to it, so it is looked for as one text. */
function parseLazy(cursor: Cursor): boolean {
  return cursor.tryText(' (LAZY)');
}

/** RFC 7162 §3.1.4.1: `(CHANGEDSINCE modseq)`. */
function parseModifiers(cursor: Cursor): number {
  const modifiers = parseParenthesised(
    cursor,
    (c) => {
      if (!c.tryKeyword('CHANGEDSINCE')) c.fail('unknown fetch modifier');
      c.sp();
      return c.number64();
    },
    'filled',
  );
  return Math.max(...modifiers);
}
