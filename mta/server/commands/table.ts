/** Which commands a listener knows: the only place where port 25 and submission differ in kind. */
import { bdat } from '#runtime/smtp/commands/bdat.ts';
import type { ContentPolicy } from '#runtime/smtp/commands/content-options.ts';
import { data } from '#runtime/smtp/commands/data.ts';
import { expn, help, noop, quit, rset, vrfy } from '#runtime/smtp/commands/simple.ts';
import { starttls } from '#runtime/smtp/commands/starttls.ts';
import type { Login } from '#store/directory.ts';
import { IncomingMessage } from '../incoming-message.ts';
import type { Recipient } from '../recipients.ts';
import { isSubmission, type MtaCommandTable, type Peer, type SmtpServices } from '../services.ts';
import { auth } from './auth.ts';
import { ehlo, helo } from './hello.ts';
import { mail } from './mail.ts';
import { rcpt } from './rcpt.ts';

export function commandTable(services: SmtpServices, peer: Peer): MtaCommandTable {
  const { hostname } = services.config;
  const content: ContentPolicy<Recipient, Login> = {
    open: (transaction, session) => new IncomingMessage(services, peer, session, transaction),
    mode: (session) => (isSubmission(peer) && session.login !== undefined ? 'normalise' : 'refuse'),
    replyPerRecipient: false,
  };
  const table: MtaCommandTable = {
    EHLO: ehlo(hostname, () => table),
    HELO: helo(hostname),
    MAIL: mail(services, peer),
    RCPT: rcpt(services, peer),
    DATA: data(content),
    BDAT: bdat(content),
    RSET: rset(),
    NOOP: noop(),
    VRFY: vrfy(),
    EXPN: expn(),
    HELP: help(() => Object.keys(table)),
    QUIT: quit(hostname),
    // RFC 8314 §3.3: on 465 TLS is there from the first octet. Nobody listens on an inner socket.
    ...(peer.kind === 'submissions' || peer.kind === 'submission-unix' ? {} : { STARTTLS: starttls() }),
    ...(isSubmission(peer) ? { AUTH: auth(services, peer) } : {}),
  };
  return table;
}
