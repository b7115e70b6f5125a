/** MAIL (RFC 5321 §4.1.1.2): who may send, how much, how often. */
import { formatAddress } from '#mail/address.ts';
import { type MailArguments, parseMail } from '#mail/smtp/mail-command.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { defineCommand } from '#runtime/smtp/command-table.ts';
import { tooLarge } from '#runtime/smtp/receiver-content.ts';
import type { Login } from '#store/directory.ts';
import { mayBeginMessage } from '../limits.ts';
import type { Recipient } from '../recipients.ts';
import { isSubmission, type MtaCommand, type Peer, type SmtpServices } from '../services.ts';

const PARAMETERS: ReadonlySet<string> = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID']);
/** RFC 4954 §5: only where AUTH is offered. */
const SUBMISSION_PARAMETERS: ReadonlySet<string> = new Set([...PARAMETERS, 'AUTH']);
/** Our own programs try a submission again under the same delivery id (STORE.md §2), and send on what came to an account as it came. */
const INNER_PARAMETERS: ReadonlySet<string> = new Set([...SUBMISSION_PARAMETERS, 'XDELIVERYID', 'XREDIRECT']);

export function mail(services: SmtpServices, peer: Peer): MtaCommand {
  const { limits } = services.config;
  const inner = peer.kind === 'submission-unix';
  const syntax = {
    parameters: inner ? INNER_PARAMETERS : isSubmission(peer) ? SUBMISSION_PARAMETERS : PARAMETERS,
    lenient: isSubmission(peer),
  };
  return defineCommand<Recipient, Login, 'greeted', MailArguments>({
    allowedIn: ['greeted'],
    // RFC 5321 §4.5.3.1.4, and what each extension adds to it: SIZE 26, BODY 16, SMTPUTF8 10, RET and ENVID 120, AUTH 500; a path of UTF-8.
    lineLimit: 2048,
    keywords: () => [
      `SIZE ${limits.messageSize}`,
      '8BITMIME',
      'SMTPUTF8',
      'DSN',
      ...(inner ? ['XDELIVERYID', 'XREDIRECT'] : []),
    ],
    parse: (argument) => parseMail(argument, syntax),
    async run(session, args) {
      const refusal = await refuse(services, peer, session.login, args);
      if (refusal !== undefined) return { reply: refusal, next: session };
      const { hello, login } = session;
      return {
        reply: reply(250, '1.0', 'Sender taken'),
        next: { state: 'transaction', hello, login, transaction: { mail: args, recipients: [] } },
      };
    },
  });
}

async function refuse(
  services: SmtpServices,
  peer: Peer,
  login: Login | undefined,
  args: MailArguments,
): Promise<Reply | undefined> {
  const { limits } = services.config;
  // RFC 4954 §6: 530 5.7.0. On the inner socket our MDA passes on what leads away from here; it is anybody's, and for addresses of ours.
  if (isSubmission(peer) && peer.kind !== 'submission-unix' && login === undefined)
    return reply(530, '7.0', 'Authentication required');
  // RFC 1870 §6.1: a size that is declared too large is refused before the message is sent.
  if (args.size !== undefined && args.size > limits.messageSize) return reply(552, '3.4', tooLarge(limits.messageSize));
  // Where it goes on from an account, the sender stays the sender, as with a forward: reports are for who wrote it (RFC 5321 §3.9.1).
  if (args.redirect && login === undefined) return reply(530, '7.0', 'Authentication required');
  // The null reverse-path is anybody's: reports and receipts must have it (RFC 5321 §4.5.5).
  if (login !== undefined && args.reversePath !== null && !args.redirect) {
    if (!(await services.directory.maySendAs(login.account, args.reversePath))) {
      return reply(553, '7.1', `You may not send as ${formatAddress(args.reversePath)}`);
    }
  }
  if (!(await mayBeginMessage(services, peer, login?.account))) {
    return reply(450, '7.1', 'Too many messages in a minute, try again later');
  }
  // RFC 5321 §4.2.3: 452. A database that still has room to clean up recovers by itself; one that hasn't does not.
  if (await services.hasRoom(args.size ?? 0)) return undefined;
  return reply(452, '3.1', 'The disk is nearly full, try again later');
}
