/** The command table of LMTP (RFC 2033). */
import type { CommandTable } from '#runtime/smtp/command-table.ts';
import { bdat } from '#runtime/smtp/commands/bdat.ts';
import type { ContentPolicy } from '#runtime/smtp/commands/content-options.ts';
import { data } from '#runtime/smtp/commands/data.ts';
import { help, noop, quit, rset, vrfy } from '#runtime/smtp/commands/simple.ts';
import type { Recipient } from '../deliver/recipient.ts';
import { lhlo } from './commands/lhlo.ts';
import { mail } from './commands/mail.ts';
import { rcpt } from './commands/rcpt.ts';
import type { LmtpRooms } from './session.ts';

/** @param session the connection's id. */
export function lmtpCommands(rooms: LmtpRooms, session: string): CommandTable<Recipient, undefined> {
  const content: ContentPolicy<Recipient, undefined> = {
    open: ({ mail: { reversePath, deliveryId, body = '7bit', smtputf8 }, recipients }) =>
      rooms.deliver({
        reversePath,
        recipients,
        session,
        bodyType: body,
        smtputf8,
        ...(deliveryId === undefined ? {} : { deliveryId }),
      }),
    mode: () => 'refuse',
    replyPerRecipient: true,
  };
  const table: CommandTable<Recipient, undefined> = {
    LHLO: lhlo(rooms.hostname, () => table),
    MAIL: mail(rooms.limits.messageSize),
    RCPT: rcpt(rooms),
    DATA: data(content),
    BDAT: bdat(content),
    RSET: rset(),
    NOOP: noop(),
    VRFY: vrfy(),
    HELP: help(() => Object.keys(table)),
    QUIT: quit(rooms.hostname),
  };
  return table;
}
