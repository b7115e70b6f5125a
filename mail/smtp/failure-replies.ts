/** The one table from failures to SMTP and LMTP replies (DESIGN §6). Texts are generic: what a `MailError` says is shown instead where it has words. */
import { DISK_FULL, type Failure, isDiskFull, MailError } from '../failure.ts';
import { type Reply, reply } from './reply.ts';
import { CommandSyntaxError } from './syntax-error.ts';

const failureReplies = {
  'bad-credentials': reply(535, '7.8', 'Wrong user name or password'),
  'bad-request': reply(501, '5.4', 'That makes no sense'),
  conflict: reply(451, '3.0', 'Somebody else changed this meanwhile'),
  exists: reply(550, '3.0', 'That exists already'),
  'limit-exceeded': reply(452, '5.3', 'Too much at once'),
  loop: reply(554, '4.6', 'This message is going round in circles'),
  'mailbox-has-children': reply(550, '2.0', 'The mailbox has children'),
  // RFC 5321 §3.4 and RFC 3463 X.1.6: the destination mailbox has moved.
  moved: reply(551, '1.6', 'This mailbox has moved'),
  'no-such-account': reply(550, '1.1', 'No such user here'),
  'no-such-mailbox': reply(550, '1.1', 'No such mailbox here'),
  'no-such-message': reply(550, '5.0', 'No such message'),
  'not-found': reply(550, '5.0', 'There is no such thing here'),
  'not-permitted': reply(550, '7.1', 'That is not allowed'),
  // A full mailbox may be emptied: temporary (RFC 5321 §4.2.3: 452), so that the sender tries for days and not once.
  'over-quota': reply(452, '2.2', 'The mailbox is full'),
  rejected: reply(550, '7.1', 'The message was refused'),
  'too-large': reply(552, '3.4', 'The message is too large'),
  unavailable: reply(451, '3.0', 'Try again later'),
  unsupported: reply(504, '5.4', 'That is not supported'),
} as const satisfies Record<Failure, Reply>;

/** RFC 5321 §4.2.3 and RFC 3463 X.3.1: insufficient system storage. */
const full = reply(452, '3.1', DISK_FULL);

export function failureReply(error: MailError): Reply {
  if (error.failure === 'unavailable' && isDiskFull(error)) return full;
  const known: Reply = failureReplies[error.failure];
  const text = error.message.replace(/[\0-\x1f\x7f]+/g, ' ').slice(0, 400);
  return text === '' ? known : { ...known, lines: [text] };
}

/**
 * Turns whatever was thrown into a reply; `unexpected` is called for what is neither a refusal nor a syntax error: a fault of ours, temporary by
 * definition (DESIGN §3), whose text leads to the session's lines in the log.
 */
export function replyToError(error: unknown, session: string, unexpected: (error: unknown) => void): Reply {
  if (error instanceof MailError) return failureReply(error);
  if (error instanceof CommandSyntaxError) return error.reply;
  unexpected(error);
  if (isDiskFull(error)) return full;
  return reply(451, '3.0', `Internal trouble, try again later (session ${session})`);
}
