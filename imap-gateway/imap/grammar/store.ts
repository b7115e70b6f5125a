/** The arguments of STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3). */
import type { FlagChange } from '#store/mutation.ts';
import type { Flags } from '#store/types.ts';
import { type Cursor, OPEN } from './cursor.ts';
import { parseStoreFlags } from './flags.ts';
import { parseParenthesised } from './list.ts';
import { parseSequenceSet, type SequenceSet } from './sequence-set.ts';

export interface StoreArguments {
  readonly set: SequenceSet;
  readonly change: FlagChange;
  readonly silent: boolean;
  readonly flags: Flags;
  readonly unchangedSince?: number;
}

const PLUS = 0x2b;
const MINUS = 0x2d;

/** From the SP behind the name to the end. */
export function parseStore(cursor: Cursor): StoreArguments {
  cursor.sp();
  const set = parseSequenceSet(cursor);
  cursor.sp();
  let unchangedSince: number | undefined;
  if (cursor.peek() === OPEN) {
    unchangedSince = Math.min(...parseParenthesised(cursor, parseModifier, 'filled'));
    cursor.sp();
  }
  const change: FlagChange = cursor.try(PLUS) ? 'add' : cursor.try(MINUS) ? 'remove' : 'replace';
  if (!cursor.tryText('FLAGS')) cursor.fail('expected FLAGS');
  const silent = cursor.tryText('.SILENT');
  cursor.sp();
  const flags = parseStoreFlags(cursor);
  cursor.end();
  return { set, change, silent, flags, ...(unchangedSince !== undefined && { unchangedSince }) };
}

function parseModifier(cursor: Cursor): number {
  if (!cursor.tryKeyword('UNCHANGEDSINCE')) cursor.fail('unknown store modifier');
  cursor.sp();
  return cursor.number64();
}
