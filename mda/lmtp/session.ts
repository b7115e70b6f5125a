/** What an LMTP session (RFC 2033) is to the shared engine: its command table and what its commands may use. */
import type { Log } from '#runtime/ambient.ts';
import type { Command, CommandTable } from '#runtime/smtp/command-table.ts';
import { bdat } from '#runtime/smtp/commands/bdat.ts';
import type { ContentPolicy } from '#runtime/smtp/commands/content-options.ts';
import { data } from '#runtime/smtp/commands/data.ts';
import { help, noop, quit, rset, vrfy } from '#runtime/smtp/commands/simple.ts';
import type { ContentSink } from '#runtime/smtp/receiver-content.ts';
import type { Session } from '#runtime/smtp/session.ts';
import type { Directory } from '#store/directory.ts';
import type { DeliveryOrder } from '../deliver/deliver.ts';
import type { Recipient } from '../deliver/recipient.ts';
import { lhlo } from './commands/lhlo.ts';
import { mail } from './commands/mail.ts';
import { rcpt } from './commands/rcpt.ts';

/** LMTP has no logins: who may connect is decided by the socket's permissions. */
export type LmtpSession = Session<Recipient, undefined>;
export type LmtpCommand = Command<Recipient, undefined>;

export interface LmtpRooms {
  readonly hostname: string;
  readonly directory: Directory;
  deliver(order: DeliveryOrder): ContentSink;
  readonly log: Log;
  readonly limits: { readonly messageSize: number; readonly recipients: number };
}

/** @param session the connection's id. */
export function lmtpCommands(rooms: LmtpRooms, session: string): CommandTable<Recipient, undefined> {
  const content: ContentPolicy<Recipient, undefined> = {
    open: ({ mail: { reversePath, deliveryId }, recipients }) =>
      rooms.deliver({ reversePath, recipients, session, ...(deliveryId === undefined ? {} : { deliveryId }) }),
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
