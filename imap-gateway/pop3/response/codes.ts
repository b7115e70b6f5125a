/**
 * The one table from a failure to the response code of POP3 (DESIGN §6; codes: RFC 2449 §8, RFC 3206). Total: a new failure does not compile until it
 * stands here. `[AUTH]` makes clients ask for another password, so only what a person can mend that way has it.
 */
import { type Failure, MailError } from '#mail/failure.ts';
import { err, type Reply } from './reply.ts';

const TABLE = {
  'bad-credentials': 'AUTH',
  'bad-request': undefined,
  conflict: 'SYS/TEMP',
  exists: 'SYS/PERM',
  'limit-exceeded': 'SYS/TEMP',
  loop: 'SYS/PERM',
  'mailbox-has-children': 'SYS/PERM',
  moved: 'SYS/TEMP',
  'no-such-account': 'SYS/PERM',
  'no-such-mailbox': 'SYS/TEMP',
  'no-such-message': undefined,
  // RFC 3206 §5: an account that may not log in, or not in this way.
  'not-found': undefined,
  'not-permitted': 'AUTH',
  'over-quota': 'SYS/TEMP',
  rejected: 'SYS/PERM',
  'too-large': 'SYS/PERM',
  unavailable: 'SYS/TEMP',
  unsupported: 'SYS/PERM',
} satisfies Record<Failure, string | undefined>;

/** What isn't a `MailError` is a fault of ours, and temporary. @param session the connection's id, by which the log tells more. */
export function refusalFor(error: unknown, session: string): Reply {
  if (error instanceof MailError) return err(error.message, TABLE[error.failure]);
  return err(`Internal error, session ${session}`, 'SYS/TEMP');
}
