/**
 * Marks of accounts whose forward, or filter that sends on, a message has passed here. Two peers whose accounts forward to each other, both with a copy of their own, would
 * fill both mailboxes until the hops run out. A mark tells nobody which account it is: all recipients of a message see the same header.
 */
import { createHash } from 'node:crypto';

const NAME = 'X-Peerpost-Forwarded';
const FIELD = /^x-peerpost-forwarded[ \t]*:(.*(?:\r\n[ \t].*)*)/gim;
/** Octets of a hash that are kept: enough that no two accounts share one by chance. */
const OCTETS = 12;

/** Account ids are random, so that nobody finds one by trying. */
export function forwardMark(account: string): string {
  return createHash('sha256')
    .update(`forward ${account}`)
    .digest('hex')
    .slice(0, OCTETS * 2);
}

/** The field with its CRLF, a mark a line (RFC 5322 §2.1.1). */
export function marksField(marks: readonly string[]): string {
  return `${NAME}: ${[...new Set(marks)].join('\r\n\t')}\r\n`;
}

/** @param header as text; of all such fields in it. */
export function readMarks(header: string): readonly string[] {
  return [...header.matchAll(FIELD)].flatMap(([, value = '']) => value.split(/\s+/)).filter((mark) => mark !== '');
}
