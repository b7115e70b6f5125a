/** RCPT (RFC 5321 §4.1.1.3): only who lives here, or an alias that leads to such accounts alone. */
import type { ForwardPath } from '#mail/envelope.ts';
import { parseRcpt, type RcptSyntax } from '#mail/smtp/rcpt-command.ts';
import { reply } from '#mail/smtp/reply.ts';
import { defineCommand } from '#runtime/smtp/command-table.ts';
import { findRecipient, type Recipient } from '../../deliver/recipient.ts';
import type { LmtpCommand, LmtpRooms } from '../session.ts';

const LINE_LIMIT = 1024;

export function rcpt(rooms: Pick<LmtpRooms, 'directory' | 'limits'>): LmtpCommand {
  return defineCommand<Recipient, undefined, 'transaction', ForwardPath>({
    allowedIn: ['transaction'],
    lineLimit: LINE_LIMIT,
    // RFC 9422 §4.2; there is no MAILMAX and no RCPTDOMAINMAX here.
    keywords: () => [`LIMITS RCPTMAX=${rooms.limits.recipients}`],
    parse(argument, { transaction }) {
      const syntax: RcptSyntax = { dsn: false, utf8: transaction.mail.smtputf8, lenient: false };
      return parseRcpt(argument, syntax);
    },
    async run(session, path) {
      const { transaction } = session;
      // RFC 5321 §4.5.3.1.10: the client sends the rest in another transaction.
      if (transaction.recipients.length >= rooms.limits.recipients) {
        return { reply: reply(452, '5.3', 'Too many recipients'), next: session };
      }
      // The delivery id is our MTA's.
      const recipient = await findRecipient(rooms.directory, path, transaction.mail.deliveryId !== undefined);
      const recipients = [...transaction.recipients, recipient];
      return {
        reply: reply(250, '1.5', 'Recipient taken'),
        next: { ...session, transaction: { ...transaction, recipients } },
      };
    },
  });
}
