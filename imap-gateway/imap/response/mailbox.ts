/** LIST, LSUB and STATUS responses (RFC 9051 §7.3.1, §7.3.2; RFC 5258 §6). */
import type { StatusItem } from '../grammar/status.ts';
import { formatMailbox } from './strings.ts';

/** `/` everywhere: names of the store have it as their separator. */
export const SEPARATOR = '/';

export interface ListData {
  /** With backslash: `\HasChildren`. */
  readonly attributes: readonly string[];
  readonly name: string;
  /** RFC 5258 §4: CHILDINFO, when a parent is listed because of its children. */
  readonly childInfo?: readonly string[];
}

export function formatList(response: 'LIST' | 'LSUB', data: ListData, utf8: boolean): string {
  const head = `* ${response} (${data.attributes.join(' ')}) "${SEPARATOR}" ${formatMailbox(data.name, utf8)}`;
  if (data.childInfo === undefined) return `${head}\r\n`;
  return `${head} ("CHILDINFO" (${data.childInfo.map((word) => `"${word}"`).join(' ')}))\r\n`;
}

/** Values by item, in the order asked; MAILBOXID is put into its parentheses here (RFC 8474 §4.3), an absent APPENDLIMIT is NIL (RFC 7889 §4). */
export type StatusValues = readonly (readonly [item: StatusItem, value: number | string | undefined])[];

export function formatStatus(name: string, values: StatusValues, utf8: boolean): string {
  const items = values.map(([item, value]) => {
    if (value === undefined) return `${item} NIL`;
    return item === 'MAILBOXID' ? `${item} (${value})` : `${item} ${value}`;
  });
  return `* STATUS ${formatMailbox(name, utf8)} (${items.join(' ')})\r\n`;
}
