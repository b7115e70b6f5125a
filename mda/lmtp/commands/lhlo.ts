/** LHLO (RFC 2033 §4.1): EHLO under another name, so that nobody mistakes the protocol. HELO and EHLO are not in the table: 500. */
import { type Hello, parseHello } from '#mail/smtp/command.ts';
import { reply } from '#mail/smtp/reply.ts';
import { announcedKeywords, type CommandTable, defineCommand, EVERY_STATE } from '#runtime/smtp/command-table.ts';
import { abandon } from '#runtime/smtp/session.ts';
import type { Recipient } from '../../deliver/recipient.ts';
import type { LmtpCommand, LmtpSession } from '../session.ts';

/** @param table asked for when it runs, since the table it stands in is not finished before. */
export function lhlo(hostname: string, table: () => CommandTable<Recipient, undefined>): LmtpCommand {
  return defineCommand<Recipient, undefined, LmtpSession['state'], Hello>({
    allowedIn: EVERY_STATE,
    parse: (argument) => parseHello('LHLO', argument),
    run(session, hello, { connection }) {
      // RFC 5321 §4.1.4: a second greeting resets the transaction.
      abandon(session);
      const next: LmtpSession = { state: 'greeted', hello, login: undefined };
      return { reply: reply(250, undefined, hostname, ...announcedKeywords(table(), connection, next)), next };
    },
  });
}
