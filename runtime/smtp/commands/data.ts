/** DATA (RFC 5321 §4.1.1.4; RFC 2033 §4.2 for LMTP). */
import { parseNothing } from '#mail/smtp/command.ts';
import { reply } from '#mail/smtp/reply.ts';
import { type Command, defineCommand } from '../command-table.ts';
import type { Session } from '../session.ts';
import { type ContentPolicy, isBinary, repliesFor } from './content-options.ts';

export function data<R, L>(policy: ContentPolicy<R, L>): Command<R, L> {
  return defineCommand<R, L, 'transaction', undefined>({
    allowedIn: ['transaction'],
    // RFC 2920 §3.1: nothing may follow before the 354; who sends content earlier takes us for somebody else.
    endsGroup: true,
    parse: parseNothing,
    run(session, _, context) {
      const { transaction } = session;
      // RFC 3030 §3: the transaction is to be reset then; nothing but BDAT or RSET goes on with it.
      if (isBinary(transaction)) return { reply: reply(503, '5.1', 'BINARYMIME goes with BDAT only'), next: session };
      // RFC 5321 §4.1.1.4 allows 503 or 554, RFC 2033 §4.2 wants 503.
      if (transaction.recipients.length === 0)
        return { reply: reply(503, '5.1', 'No valid recipients'), next: session };
      const content = context.content(policy.open(transaction, session), {
        stuffed: true,
        mode: policy.mode(session),
        replies: repliesFor(policy, transaction),
      });
      const next: Session<R, L> = { state: 'greeted', hello: session.hello, login: session.login };
      return {
        reply: reply(354, undefined, 'End with a dot on a line of its own'),
        next,
        after: { act: 'read-to-dot', content, done: () => ({ reply: content.finish(), next }) },
      };
    },
  });
}
