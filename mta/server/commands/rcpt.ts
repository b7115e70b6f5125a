/** RCPT (RFC 5321 §4.1.1.3): local recipients must exist; others are for those who may relay. */
import { formatAddress } from '#mail/address.ts';
import type { Address, ForwardPath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { failureReply } from '#mail/smtp/failure-replies.ts';
import { parseRcpt } from '#mail/smtp/rcpt-command.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { canonicalAddress } from '#runtime/address.ts';
import { defineCommand } from '#runtime/smtp/command-table.ts';
import type { Login } from '#store/directory.ts';
import { mayBeginMessage } from '../limits.ts';
import { type Recipient, resolveRecipient } from '../recipients.ts';
import { refusedSender, screenFor } from '../screening.ts';
import { isSubmission, type MtaCommand, type Peer, type SmtpServices } from '../services.ts';

/** RFC 5321 §4.5.3.1.8: so many a message may always have. Each further so many count as another message. */
const RECIPIENTS_OF_ONE = 100;

export function rcpt(services: SmtpServices, peer: Peer): MtaCommand {
  const lenient = isSubmission(peer);
  const { hostname, limits } = services.config;
  return defineCommand<Recipient, Login, 'transaction', ForwardPath>({
    allowedIn: ['transaction'],
    // RFC 3461 §4: NOTIFY and ORCPT add 28 and 507; a path of UTF-8.
    lineLimit: 2048,
    // RFC 9422 §4.2; there is no MAILMAX and no RCPTDOMAINMAX here.
    keywords: () => [`LIMITS RCPTMAX=${limits.recipients}`],
    parse: (argument, { transaction }) => parseRcpt(argument, { dsn: true, utf8: transaction.mail.smtputf8, lenient }),
    async run(session, path) {
      const { transaction } = session;
      // RFC 5321 §4.5.3.1.10: 452, so that the client sends the others in another transaction.
      if (transaction.recipients.length >= limits.recipients) {
        return { reply: reply(452, '5.3', 'Too many recipients, send the others separately'), next: session };
      }
      const taken = transaction.recipients.length;
      if (
        taken > 0 &&
        taken % RECIPIENTS_OF_ONE === 0 &&
        !(await mayBeginMessage(services, peer, session.login?.account))
      ) {
        return { reply: reply(450, '7.1', 'Too many recipients in a minute, try again later'), next: session };
      }
      const screen = await screenFor(services.directory, session.login, path.address);
      const refused = refusedSender(screen, transaction.mail.reversePath);
      if (refused !== undefined) return { reply: refused, next: session };
      const routed = await route(
        services,
        session.login,
        { ...path, address: ofThisHost(peer, path.address) },
        hostname,
      );
      if ('code' in routed) return { reply: routed, next: session };
      const recipients = [...transaction.recipients, { given: path, ...routed, ...(screen && { screen }) }];
      return {
        reply: reply(250, '1.5', 'Recipient taken'),
        next: { ...session, transaction: { mail: transaction.mail, recipients } },
      };
    },
  });
}

/** RFC 5321 §4.1.3 and §4.5.1: `postmaster@[our address]` reaches the postmaster of this host. Nobody else lives at an address. */
function ofThisHost(peer: Peer, address: Address): Address {
  const { local } = peer.connection;
  if (local === 'unix' || !address.domain.startsWith('[')) return address;
  const literal = address.domain.slice(1, -1).replace(/^IPv6:/i, '');
  const ours = canonicalAddress(literal) === local.address && address.localPart.toLowerCase() === 'postmaster';
  return ours ? { localPart: address.localPart, domain: '' } : address;
}

async function route(
  services: SmtpServices,
  login: Login | undefined,
  path: ForwardPath,
  hostname: string,
): Promise<Omit<Recipient, 'given'> | Reply> {
  const resolution = await resolveRecipient(services.directory, path, hostname);
  switch (resolution.kind) {
    case 'targets':
      return resolution;
    case 'moved':
      // RFC 5321 §3.4: 551 names the new place, so that the sender can take note of it.
      return reply(551, '1.6', `User has moved to <${formatAddress(resolution.to)}>, please try it`);
    case 'loop':
      return failureReply(new MailError('loop', ''));
    case 'unknown':
      return reply(550, '1.1', `No such user here: ${formatAddress(path.address)}`);
    case 'foreign':
      // Relay only for those who logged in. Whoever reaches the port from loopback is not thereby one of them.
      if (login === undefined) return reply(550, '7.1', `This host does not relay to ${path.address.domain}`);
      return { targets: [{ path, local: false }] };
  }
}
