/**
 * A refusal is typed (DESIGN §6). Code that cannot do what it was asked throws a `MailError` with one of these named
 * failures; each dialect (SMTP, LMTP, IMAP, …) owns one total table from `Failure` to its own answer, declared
 * `satisfies Record<Failure, …>`, so that a new failure does not compile until every protocol answers it.
 * Anything else that is thrown is a fault of ours and is always answered as temporary.
 */
export type Failure =
  | 'bad-credentials' // wrong user or wrong password: one failure for both
  | 'bad-request' // the arguments make no sense together
  | 'conflict' // a precondition of a commit did not hold (UNCHANGEDSINCE, ifMailboxModseq)
  | 'exists' // the name or address is taken
  | 'limit-exceeded' // too many of something that the configuration limits
  | 'loop' // the message has been here before, or has passed too many hosts
  | 'mailbox-has-children'
  | 'moved' // the account lives elsewhere now
  | 'no-such-account'
  | 'no-such-mailbox'
  | 'no-such-message'
  | 'not-found' // anything else that was named and isn't there: a domain, an alias, a token, a job
  | 'not-permitted'
  | 'over-quota'
  | 'rejected' // policy refuses for good
  | 'too-large'
  | 'unavailable' // temporary: try again later
  | 'unsupported';

export class MailError extends Error {
  readonly failure: Failure;
  /** @param message generic words that may be shown to a client; put the reason for the log into `cause`. */
  constructor(failure: Failure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MailError';
    this.failure = failure;
  }
}

/** True for failures that may pass by themselves, so that the asker should try again. Unknown trouble is temporary. */
export function isTemporary(error: unknown): boolean {
  if (!(error instanceof MailError)) return true;
  return error.failure === 'unavailable' || error.failure === 'over-quota' || error.failure === 'limit-exceeded';
}

/** What is said of a full disk (as `unavailable`), and by what it is known again where only words cross from one process to another. */
export const DISK_FULL = 'The disk is full, try again later';

/** SQLite's SQLITE_FULL; its extended codes have it in the low octet. */
const SQLITE_FULL = 13;
const DEEPEST = 5;

/** Whether that is what was thrown, or what caused it. */
export function isDiskFull(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < DEEPEST && at instanceof Error; depth++) {
    const { code, errcode, message, cause } = at as Error & { code?: unknown; errcode?: unknown };
    if (code === 'ENOSPC' || code === 'EDQUOT' || message === DISK_FULL) return true;
    if (typeof errcode === 'number' && (errcode & 0xff) === SQLITE_FULL) return true;
    at = cause;
  }
  return false;
}
