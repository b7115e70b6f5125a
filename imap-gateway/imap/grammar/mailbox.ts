/** Mailbox names and patterns on the wire, as Unicode inside (RFC 9051 §5.1, RFC 3501 §5.1.3). */
import { decodeMailboxName } from '#mail/mailbox-name.ts';
import type { Cursor } from './cursor.ts';

/** The name in NFC, INBOX in capitals; whether it can exist is the command's affair. */
export function parseMailbox(cursor: Cursor): string {
  const name = decodeWireName(cursor, cursor.astring());
  return canonicalInbox(name.normalize('NFC'));
}

/** The reference or the pattern of LIST and LSUB: wildcards stay in it. */
export function parseListMailbox(cursor: Cursor): string {
  return decodeWireName(cursor, cursor.listMailbox()).normalize('NFC');
}

function decodeWireName(cursor: Cursor, bytes: Buffer): string {
  if (cursor.utf8) return cursor.decode(bytes);
  const name = decodeMailboxName(bytes.toString('latin1'));
  return name ?? cursor.fail('mailbox name is not modified UTF-7');
}

/** RFC 9051 §5.1: INBOX in any case is the one INBOX; we read it so as the first level of a path too. */
function canonicalInbox(name: string): string {
  if (name.length === 5) return name.toUpperCase() === 'INBOX' ? 'INBOX' : name;
  return name.slice(0, 6).toUpperCase() === 'INBOX/' ? `INBOX${name.slice(5)}` : name;
}
