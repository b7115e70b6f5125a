/**
 * The one table from a failure to the answer of IMAP (DESIGN §6; codes: RFC 5530, RFC 9051 §7.1, RFC 9208 §4.3.1). Total: a new failure does not
 * compile until it stands here. What isn't a `MailError` is a fault of ours: `NO [SERVERBUG]`, temporary.
 */
import { type Failure, MailError } from '#mail/failure.ts';

export interface Refusal {
  readonly status: 'NO' | 'BAD';
  /** Without brackets. */
  readonly code?: string;
  readonly text: string;
}

const TABLE = {
  'bad-credentials': { status: 'NO', code: 'AUTHENTICATIONFAILED' },
  'bad-request': { status: 'BAD', code: 'CLIENTBUG' },
  conflict: { status: 'NO', code: 'INUSE' },
  exists: { status: 'NO', code: 'ALREADYEXISTS' },
  'limit-exceeded': { status: 'NO', code: 'LIMIT' },
  loop: { status: 'NO', code: 'CANNOT' },
  'mailbox-has-children': { status: 'NO', code: 'HASCHILDREN' },
  moved: { status: 'NO', code: 'UNAVAILABLE' },
  'no-such-account': { status: 'NO', code: 'NONEXISTENT' },
  'no-such-mailbox': { status: 'NO', code: 'NONEXISTENT' },
  'no-such-message': { status: 'NO', code: 'EXPUNGEISSUED' },
  'not-found': { status: 'NO', code: 'NONEXISTENT' },
  'not-permitted': { status: 'NO', code: 'NOPERM' },
  'over-quota': { status: 'NO', code: 'OVERQUOTA' },
  rejected: { status: 'NO', code: 'CANNOT' },
  'too-large': { status: 'NO', code: 'TOOBIG' },
  unavailable: { status: 'NO', code: 'UNAVAILABLE' },
  unsupported: { status: 'NO', code: 'CANNOT' },
} satisfies Record<Failure, { readonly status: 'NO' | 'BAD'; readonly code: string }>;

/** @param text generic words for the client. */
export function refusalOf(failure: Failure, text: string): Refusal {
  return { ...TABLE[failure], text };
}

/** @param session the connection's id, by which the log tells more. */
export function refusalFor(error: unknown, session: string): Refusal {
  if (error instanceof MailError) return refusalOf(error.failure, error.message);
  return { status: 'NO', code: 'SERVERBUG', text: `Internal error, session ${session}` };
}

export const copyUidCode = (uidValidity: number, sources: string, targets: string): string =>
  `COPYUID ${uidValidity} ${sources} ${targets}`;

export const appendUidCode = (uidValidity: number, uids: string): string => `APPENDUID ${uidValidity} ${uids}`;
