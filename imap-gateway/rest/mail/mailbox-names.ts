/** Names that a mailbox may be given, as IMAP has them (RFC 9051 §5.1, §6.3.4). */

import type { Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import { mailboxName } from '#store/names.ts';
import type { Mailbox } from '#store/types.ts';
import { HttpProblem } from '../problems.ts';

/** Control characters break clients, and lengths need a bound (octets). */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const MAX_NAME = 1_000;
const MAX_LEVELS = 40;

/** Canonical. @throws HttpProblem 400. */
export function newMailboxName(given: string): string {
  const name = mailboxName(given);
  const fits = name !== undefined && Buffer.byteLength(name) <= MAX_NAME && name.split('/').length <= MAX_LEVELS;
  if (fits && !CONTROL.test(name) && name.isWellFormed()) return name;
  const message = 'is not a name that a mailbox may have';
  throw new HttpProblem('bad-request', `The name ${message}`, { errors: [{ path: '/body/name', message }] });
}

/** Mutations that create the parents of a name which don't exist. */
export function missingParents(existing: readonly Mailbox[], name: string, random: Random): Mutation[] {
  const names = new Set(existing.map((mailbox) => mailbox.name));
  const levels = name.split('/');
  return levels
    .slice(1)
    .map((_, i) => levels.slice(0, i + 1).join('/'))
    .filter((parent) => !names.has(parent))
    .map((parent) => ({ type: 'create-mailbox', id: newId('mailbox', random), name: parent }));
}
