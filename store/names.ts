/** Names of mailboxes as every backend checks them. Whether a client may use a character is the protocol's affair. */

export const INBOX = 'INBOX';
/** RFC 9051 §5.1: INBOX is one name in any case. */
export const isInbox = (name: string): boolean => name.toUpperCase() === INBOX;

/** Canonical form: NFC, INBOX in capitals (also as the first level); `undefined` for an empty name or an empty level. */
export function mailboxName(name: string): string | undefined {
  const levels = name.normalize('NFC').split('/');
  if (levels.some((level) => level === '')) return undefined;
  if (isInbox(levels[0]!)) levels[0] = INBOX;
  return levels.join('/');
}

export const isBelow = (name: string, parent: string): boolean => name.startsWith(`${parent}/`);
