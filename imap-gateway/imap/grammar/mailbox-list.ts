/** The arguments of LIST and LSUB (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154 §2). */
import { CLOSE, type Cursor, OPEN, SP } from './cursor.ts';
import { parseParenthesised } from './list.ts';
import { parseListMailbox } from './mailbox.ts';
import { parseStatusItems, type StatusItem } from './status.ts';

export type ListSelection = 'SUBSCRIBED' | 'REMOTE' | 'RECURSIVEMATCH' | 'SPECIAL-USE';
export type ListReturn = 'SUBSCRIBED' | 'CHILDREN' | 'SPECIAL-USE';

export interface ListArguments {
  /** Absent: the plain form of LIST. */
  readonly selection?: readonly ListSelection[];
  readonly reference: string;
  readonly patterns: readonly string[];
  /** Absent: no RETURN was given. */
  readonly returns?: readonly ListReturn[];
  /** RETURN (STATUS (…)). */
  readonly status?: readonly StatusItem[];
}

const SELECTIONS: ReadonlySet<string> = new Set([
  'SUBSCRIBED',
  'REMOTE',
  'RECURSIVEMATCH',
  'SPECIAL-USE',
] satisfies ListSelection[]);
const RETURNS: ReadonlySet<string> = new Set(['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE'] satisfies ListReturn[]);
/** Every pattern is matched against every mailbox. */
const MAX_PATTERNS = 100;

/** From the SP behind the name to the end. */
export function parseList(cursor: Cursor): ListArguments {
  cursor.sp();
  const selection = cursor.peek() === OPEN ? parseSelection(cursor) : undefined;
  if (selection !== undefined) cursor.sp();
  const reference = parseListMailbox(cursor);
  cursor.sp();
  const patterns = parsePatterns(cursor);
  const options = cursor.try(SP) ? parseReturns(cursor) : {};
  cursor.end();
  return { ...(selection && { selection }), reference, patterns, ...options };
}

/** LSUB has the plain form only. */
export function parseLsub(cursor: Cursor): ListArguments {
  cursor.sp();
  const reference = parseListMailbox(cursor);
  cursor.sp();
  const patterns = [parseListMailbox(cursor)];
  cursor.end();
  return { reference, patterns };
}

function parsePatterns(cursor: Cursor): string[] {
  if (cursor.peek() !== OPEN) return [parseListMailbox(cursor)];
  const patterns = parseParenthesised(cursor, parseListMailbox, 'filled');
  if (patterns.length > MAX_PATTERNS) cursor.fail('too many patterns');
  return patterns;
}

function parseSelection(cursor: Cursor): ListSelection[] {
  const selection = parseParenthesised(
    cursor,
    (c) => {
      const word = c.keyword();
      return SELECTIONS.has(word) ? (word as ListSelection) : c.fail('unknown selection option');
    },
    'empty',
  );
  // RFC 5258 §3.1: RECURSIVEMATCH makes no sense alone or with REMOTE only.
  const base = selection.some((word) => word === 'SUBSCRIBED' || word === 'SPECIAL-USE');
  if (selection.includes('RECURSIVEMATCH') && !base) cursor.fail('RECURSIVEMATCH needs another selection option');
  return selection;
}

function parseReturns(cursor: Cursor): Pick<ListArguments, 'returns' | 'status'> {
  if (!cursor.tryKeyword('RETURN')) cursor.fail('expected RETURN');
  cursor.sp();
  cursor.expect(OPEN);
  const returns: ListReturn[] = [];
  let status: StatusItem[] | undefined;
  for (let first = true; !cursor.try(CLOSE); first = false) {
    if (!first) cursor.sp();
    if (cursor.tryKeyword('STATUS')) {
      cursor.sp();
      status = parseStatusItems(cursor);
      continue;
    }
    const word = cursor.keyword();
    if (!RETURNS.has(word)) cursor.fail('unknown return option');
    returns.push(word as ListReturn);
  }
  return status === undefined ? { returns } : { returns, status };
}
