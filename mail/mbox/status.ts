/**
 * Flags in an mbox, as the fields that mutt, Dovecot and pine keep there. We write all three at the head of a message, so that a reader can tell them from
 * the message's own and take them off again; elsewhere in a header, and in the words of Thunderbird and of Google's archives, they are read and left.
 */
import { splitFields } from '../header/fields.ts';

const LETTERS: readonly (readonly [letter: string, flag: string])[] = [
  ['A', '\\Answered'],
  ['F', '\\Flagged'],
  ['T', '\\Draft'],
  ['D', '\\Deleted'],
];
/** X-Mozilla-Status, hexadecimal. */
const MOZILLA: readonly (readonly [bit: number, flag: string])[] = [
  [0x1, '\\Seen'],
  [0x2, '\\Answered'],
  [0x4, '\\Flagged'],
  [0x8, '\\Deleted'],
  [0x1000, '$Forwarded'],
];
/** RFC 9051 §9: a keyword is an atom. */
const KEYWORD = /^[^\x00-\x20\x7f-\uffff(){%*"\\\]]+$/;
const LEADING = /^Status: ([RO]*)\r?\nX-Status: ([AFTD]*)\r?\nX-Keywords: ([^\r\n]*)\r?\n/;

/** Three fields, each ended by CRLF. */
export function formatStatus(flags: readonly string[]): string {
  const has = new Set(flags);
  const letters = LETTERS.filter(([, flag]) => has.has(flag)).map(([letter]) => letter);
  const keywords = flags.filter((flag) => !flag.startsWith('\\'));
  const status = has.has('\\Seen') ? 'RO' : 'O';
  return `Status: ${status}\r\nX-Status: ${letters.join('')}\r\nX-Keywords: ${keywords.join(' ')}\r\n`;
}

export interface MboxStatus {
  readonly flags: readonly string[];
  /** Octets at the head of the header that are not the message's own. */
  readonly skip: number;
}

/** @param header the header section as a binary string, or as much of it as is at hand. */
export function parseStatus(header: string): MboxStatus {
  const leading = LEADING.exec(header);
  if (leading !== null) {
    const [all, status, letters, keywords] = leading;
    return { flags: unique([...ofStatus(status!), ...ofLetters(letters!), ...words(keywords!)]), skip: all.length };
  }
  return { flags: unique(splitFields(header).flatMap(({ name, value }) => ofField(name, value))), skip: 0 };
}

function ofField(name: string, value: string): string[] {
  switch (name.toLowerCase()) {
    case 'status':
      return ofStatus(value);
    case 'x-status':
      return ofLetters(value);
    case 'x-keywords':
    case 'x-mozilla-keys':
      return words(value);
    case 'x-mozilla-status': {
      const bits = /^[0-9a-f]{4}$/i.test(value.trim()) ? Number.parseInt(value, 16) : 0;
      return MOZILLA.filter(([bit]) => (bits & bit) !== 0).map(([, flag]) => flag);
    }
    case 'x-gmail-labels': {
      const labels = value.split(',').map((label) => label.trim());
      return [...(labels.includes('Unread') ? [] : ['\\Seen']), ...(labels.includes('Starred') ? ['\\Flagged'] : [])];
    }
    default:
      return [];
  }
}

const ofStatus = (value: string): string[] => (value.includes('R') ? ['\\Seen'] : []);
const ofLetters = (value: string): string[] =>
  LETTERS.filter(([letter]) => value.includes(letter)).map(([, flag]) => flag);
const words = (value: string): string[] => value.split(/[ \t\r\n]+/).filter((word) => KEYWORD.test(word));
const unique = (flags: readonly string[]): string[] => [...new Set(flags)];
