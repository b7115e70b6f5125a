/** Our Received field (RFC 5321 §4.4): exactly one for each message that passes. */
import { formatReceived } from '#mail/header/trace.ts';
import type { DateTime } from '#mail/mime/message-index.ts';
import type { GreetedSession, Transaction } from '#runtime/smtp/session.ts';
import type { Login } from '#store/directory.ts';
import type { Recipient } from './recipients.ts';
import type { Peer } from './services.ts';

type Greeted = GreetedSession<Recipient, Login>;

export function receivedField(
  peer: Peer,
  session: Greeted,
  transaction: Transaction<Recipient>,
  stamp: { readonly by: string; readonly id: string; readonly at: DateTime },
): string {
  const { connection } = peer;
  const { remote, tls } = connection;
  const name = peer.name();
  const only = transaction.recipients.length === 1 ? transaction.recipients[0] : undefined;
  return formatReceived({
    helo: session.hello.name,
    remote: remote === 'unix' ? 'unix' : { address: remote.address, ...(name === undefined ? {} : { name }) },
    with: protocolName(session, transaction.mail.smtputf8, tls !== undefined),
    ...stamp,
    ...(tls === undefined ? {} : { tls: `${tls.protocol} ${tls.cipher}` }),
    // RFC 5321 §7.6: with several recipients the clause would disclose one to the others.
    ...(only === undefined ? {} : { for: only.given.address }),
  });
}

/** RFC 3848 §1, RFC 6531 §4.3: SMTP, ESMTP[S][A], UTF8SMTP[S][A]. */
export function protocolName(session: Greeted, smtputf8: boolean, tls: boolean): string {
  if (session.hello.verb === 'HELO' && session.login === undefined && !tls) return 'SMTP';
  return `${smtputf8 ? 'UTF8SMTP' : 'ESMTP'}${tls ? 'S' : ''}${session.login === undefined ? '' : 'A'}`;
}
