/** Names of mailboxes as every backend checks them. Whether a client may use a character is the protocol's affair. */

import { MailError } from '#mail/failure.ts';

export const INBOX = 'INBOX';
/** RFC 9051 §5.1: INBOX is one name in any case. */
export const isInbox = (name: string): boolean => name.toUpperCase() === INBOX;

/** Canonical form: NFC, INBOX in capitals (also as the first level); `undefined` for an empty name or an empty level. */
export function mailboxName(name: string): string | undefined {
  const levels = name.normalize('NFC').split('/');
  // NUL and line ends stand in no text of any protocol; a name that comes with an archive may be anything.
  if (levels.some((level) => level === '' || /[\0\r\n]/.test(level))) return undefined;
  if (isInbox(levels[0]!)) levels[0] = INBOX;
  return levels.join('/');
}

export const isBelow = (name: string, parent: string): boolean => name.startsWith(`${parent}/`);

/**
 * Who gets which name when a mailbox is renamed, itself first, then with `children` all below it: in the order of names, so that each finds its
 * new name left by one that went before (`a/b` to `a`). Throws `not-permitted` for INBOX, `bad-request` for a name below itself.
 */
export function namesAfterRename<M extends { readonly name: string }>(
  all: Iterable<M>,
  mailbox: M,
  to: string,
  children: boolean,
): { readonly mailbox: M; readonly name: string }[] {
  const before = mailbox.name;
  if (before === INBOX) throw new MailError('not-permitted', 'INBOX can not be renamed');
  const target = mailboxName(to);
  if (target === undefined || isBelow(target, before)) {
    throw new MailError('bad-request', 'a mailbox can not move below itself');
  }
  const below = children ? [...all].filter(({ name }) => isBelow(name, before)) : [];
  below.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [mailbox, ...below].map((one) => ({ mailbox: one, name: target + one.name.slice(before.length) }));
}
