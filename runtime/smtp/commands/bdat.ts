/**
 * BDAT (RFC 3030 §2, RFC 2033 §4.3). The octets follow the command whatever it is answered, so they are read in any state, and thrown away when the
 * command was wrong. A failed chunk spoils the transaction: further chunks get 503 until RSET, or until the LAST that a pipelining client sent anyway.
 */
import { type BdatArguments, parseBdat } from '#mail/smtp/command.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { CommandSyntaxError } from '#mail/smtp/syntax-error.ts';
import { type Command, defineCommand, EVERY_STATE, type Step } from '../command-table.ts';
import type { Content } from '../receiver-content.ts';
import { type GreetedSession, reset, type Session } from '../session.ts';
import { type ContentPolicy, isBinary, repliesFor } from './content-options.ts';

type Open<R, L> = Extract<Session<R, L>, { state: 'transaction' | 'chunking' }>;

export function bdat<R, L>(policy: ContentPolicy<R, L>): Command<R, L> {
  return defineCommand<R, L, (typeof EVERY_STATE)[number], BdatArguments | Reply>({
    allowedIn: EVERY_STATE,
    // RFC 3030 §3 (3): the one comes only with the other.
    keywords: () => ['CHUNKING', 'BINARYMIME'],
    parse: parseOrRefuse,
    run(session, args, context) {
      // How many octets follow is unknown: whatever comes could be taken for commands.
      if ('code' in args) return { reply: args, next: session, after: { act: 'close' } };
      if (session.state === 'connected') return discard(args, session, reply(503, '5.1', 'Say hello first'));
      if (session.state === 'greeted') return discard(args, session, reply(503, '5.1', 'MAIL first'));
      if (session.state === 'spoilt') {
        return discard(args, args.last ? reset(session) : session, reply(503, '5.1', 'An earlier chunk has failed'));
      }
      if (session.transaction.recipients.length === 0)
        return withoutRecipients(args, session, policy.replyPerRecipient);
      const content =
        session.state === 'chunking'
          ? session.content
          : context.content(policy.open(session.transaction, session), {
              stuffed: false,
              mode: isBinary(session.transaction) ? 'binary' : policy.mode(session),
              replies: repliesFor(policy, session.transaction),
            });
      return take(args, session, content);
    },
  });
}

function parseOrRefuse(argument: string): BdatArguments | Reply {
  try {
    return parseBdat(argument);
  } catch (error) {
    if (error instanceof CommandSyntaxError) return error.reply;
    throw error;
  }
}

function take<R, L>(args: BdatArguments, session: Open<R, L>, content: Content): Step<R, L> {
  const { hello, login, transaction } = session;
  const chunking: Session<R, L> = { state: 'chunking', hello, login, transaction, content };
  const done = (): Step<R, L> => {
    if (args.last) return { reply: content.finish(), next: { state: 'greeted', hello, login } };
    if (content.failure !== undefined) return { reply: content.failure, next: { state: 'spoilt', hello, login } };
    return { reply: reply(250, '0.0', `${args.octets} octets received`), next: chunking };
  };
  return { reply: [], next: chunking, after: { act: 'read-octets', octets: args.octets, content, done } };
}

function withoutRecipients<R, L>(
  args: BdatArguments,
  session: GreetedSession<R, L>,
  perRecipient: boolean,
): Step<R, L> {
  const { hello, login } = session;
  // RFC 2033 §4.3: the last chunk has one reply for each recipient, and there are none.
  if (args.last && perRecipient) return discard(args, reset(session), []);
  const next: Session<R, L> = args.last ? reset(session) : { state: 'spoilt', hello, login };
  return discard(args, next, reply(503, '5.1', 'No valid recipients'));
}

/** RFC 3030 §2: the receiver MUST accept and discard the message data before it sends the failure. */
function discard<R, L>(args: BdatArguments, next: Session<R, L>, refusal: Reply | readonly Reply[]): Step<R, L> {
  return {
    reply: [],
    next,
    after: { act: 'read-octets', octets: args.octets, content: undefined, done: () => ({ reply: refusal, next }) },
  };
}
