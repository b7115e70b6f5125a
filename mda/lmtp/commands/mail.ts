/** MAIL (RFC 5321 §4.1.1.2) with SIZE, BODY, SMTPUTF8 and our MTA's XDELIVERYID. No DSN: success reports are the MTA's, by the replies that it gets. */
import { type MailArguments, parseMail } from '#mail/smtp/mail-command.ts';
import { reply } from '#mail/smtp/reply.ts';
import { defineCommand } from '#runtime/smtp/command-table.ts';
import { tooLarge } from '#runtime/smtp/receiver-content.ts';
import type { Recipient } from '../../deliver/recipient.ts';
import type { LmtpCommand } from '../session.ts';

const PARAMETERS: ReadonlySet<string> = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'XDELIVERYID']);
/** With paths of full length and a delivery id of 200 octets in xtext. */
const LINE_LIMIT = 2048;

export function mail(messageSize: number): LmtpCommand {
  return defineCommand<Recipient, undefined, 'greeted', MailArguments>({
    allowedIn: ['greeted'],
    lineLimit: LINE_LIMIT,
    keywords: () => [`SIZE ${messageSize}`, '8BITMIME', 'SMTPUTF8', 'XDELIVERYID'],
    parse: (argument) => parseMail(argument, { parameters: PARAMETERS, lenient: false }),
    run(session, args) {
      // RFC 1870 §6.1: the announced size alone is reason enough.
      if ((args.size ?? 0) > messageSize) return { reply: reply(552, '3.4', tooLarge(messageSize)), next: session };
      const { hello, login } = session;
      const next = { state: 'transaction', hello, login, transaction: { mail: args, recipients: [] } } as const;
      return { reply: reply(250, '1.0', 'Sender taken'), next };
    },
  });
}
