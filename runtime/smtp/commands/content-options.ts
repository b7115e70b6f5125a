import type { ContentSink } from '../receiver-content.ts';
import type { GreetedSession, Transaction } from '../session.ts';

/** What DATA and BDAT ask of a program. */
export interface ContentPolicy<R, L> {
  /** Opens the sink for a transaction that has recipients. */
  open(transaction: Transaction<R>, session: GreetedSession<R, L>): ContentSink;
  /** `normalise` for authenticated submission only (DESIGN §7). */
  mode(session: GreetedSession<R, L>): 'refuse' | 'normalise';
  /** LMTP: one reply for each recipient (RFC 2033 §4.2). */
  readonly replyPerRecipient: boolean;
}

/** RFC 3030 §3: every octet is content, and BDAT alone can bring it. */
export const isBinary = ({ mail }: Transaction<unknown>): boolean => mail.body === 'binarymime';

export const repliesFor = <R, L>(policy: ContentPolicy<R, L>, transaction: Transaction<R>): number =>
  policy.replyPerRecipient ? transaction.recipients.length : 1;
