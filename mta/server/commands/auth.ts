/** AUTH (RFC 4954), on submission only: after TLS or from loopback, once a session, never within a transaction. */
import { MailError } from '#mail/failure.ts';
import type { ChannelBinding, SaslContext } from '#mail/sasl/exchange.ts';
import { external } from '#mail/sasl/external.ts';
import { findMechanism, offeredMechanisms, type SaslMechanism, startSasl } from '#mail/sasl/mechanism.ts';
import { type AuthArguments, decodeBase64, parseAuth } from '#mail/smtp/command.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { CommandSyntaxError } from '#mail/smtp/syntax-error.ts';
import { type Connection, ConnectionClosed } from '#runtime/connection.ts';
import { type Context, defineCommand } from '#runtime/smtp/command-table.ts';
import type { Login } from '#store/directory.ts';
import { loginAs } from '../../submission/external.ts';
import { mayLogIn, verifyLogin } from '../limits.ts';
import type { Recipient } from '../recipients.ts';
import { addressOf, type MtaCommand, type Peer, type SmtpServices } from '../services.ts';

/** Wrong passwords in one session. */
const ATTEMPTS = 3;
const FAILURE_DELAY = 1_000;

export function auth(services: SmtpServices, peer: Peer): MtaCommand {
  let failures = 0;
  return defineCommand<Recipient, Login, 'greeted', AuthArguments>({
    // RFC 4954 §4: never in a transaction, and only after EHLO.
    allowedIn: ['greeted'],
    endsGroup: true,
    // RFC 4954 §4.5: a response may have 12,288 octets.
    lineLimit: 12_288,
    keywords(connection) {
      if (peer.kind === 'submission-unix') return ['AUTH EXTERNAL'];
      if (!mayAuthenticate(connection)) return [];
      return [`AUTH ${offeredMechanisms(bindingOf(services, connection)).join(' ')}`];
    },
    parse: parseAuth,
    async run(session, args, context) {
      // RFC 4954 §4: once a session has succeeded, further AUTH MUST be refused with 503.
      if (session.login !== undefined) return { reply: reply(503, '5.1', 'You are logged in already'), next: session };
      const outcome = await (peer.kind === 'submission-unix'
        ? actAs(services, args, context)
        : authenticate(services, peer, args, context));
      if ('code' in outcome) {
        if (outcome.code !== 535) return { reply: outcome, next: session };
        failures += 1;
        if (failures < ATTEMPTS) return { reply: outcome, next: session };
        return {
          reply: [outcome, reply(421, '7.0', 'Too many failed logins')],
          next: session,
          after: { act: 'close' },
        };
      }
      peer.loggedIn(outcome);
      return { reply: reply(235, '7.0', 'Welcome'), next: { ...session, login: outcome } };
    },
  });
}

/** Only where the admin wants it: clients on GNU SASL (mutt) choose SCRAM-SHA-256-PLUS wherever it is announced, and then fail. */
function bindingOf({ config }: SmtpServices, { tls }: Connection): ChannelBinding | undefined {
  const data = config.login.channelBinding ? tls?.exporter() : undefined;
  return data && { type: 'tls-exporter', data };
}

/** DESIGN §7: no credentials in the clear, except where nobody listens. */
const mayAuthenticate = (connection: Connection): boolean => connection.tls !== undefined || connection.loopback;

async function authenticate(
  services: SmtpServices,
  peer: Peer,
  args: AuthArguments,
  context: Context,
): Promise<Login | Reply> {
  const { connection, log, clock } = context;
  if (!mayAuthenticate(connection)) return reply(538, '7.11', 'Use STARTTLS first');
  const mechanism = findMechanism(args.mechanism);
  const binding = bindingOf(services, connection);
  if (mechanism === undefined || !offeredMechanisms(binding).includes(mechanism)) {
    return reply(504, '5.4', 'Unknown mechanism');
  }
  if (!(await mayLogIn(services, peer))) return reply(454, '7.0', 'Too many failed logins, try again later');
  try {
    const login = await converse(services, peer, mechanism, binding, args.initial, context);
    if (login !== undefined) return login;
  } catch (error) {
    if (error instanceof ConnectionClosed || error instanceof CommandSyntaxError) throw error;
    if (error instanceof MailError && error.failure === 'bad-request') return reply(501, '5.2', error.message);
    if (error instanceof MailError && error.failure === 'limit-exceeded') {
      return reply(454, '7.0', 'Too many failed logins, try again later');
    }
    // RFC 5248 §2.4: X.7.13, user account disabled. Only who knows the password hears it.
    if (error instanceof MailError && error.failure === 'not-permitted') return reply(535, '7.13', error.message);
    // RFC 4954 §4.7: trouble of ours is never a wrong password.
    log.error({ err: error }, 'cannot check a login');
    return reply(454, '7.0', 'Temporary authentication failure');
  }
  log.info({ remote: addressOf(peer), mechanism }, 'login failed');
  await new Promise<void>((resolve) => clock.after(FAILURE_DELAY, resolve));
  return reply(535, '7.8', 'Wrong user name or password');
}

/** On the inner socket: nothing is proven, so nothing is counted and nobody waits. */
async function actAs(services: SmtpServices, args: AuthArguments, context: Context): Promise<Login | Reply> {
  if (args.mechanism.toUpperCase() !== 'EXTERNAL') return reply(504, '5.4', 'Unknown mechanism');
  try {
    const exchange = external(args.initial === undefined ? undefined : decode(args.initial));
    const identity = await drive(exchange, context);
    return (await loginAs(services.directory, identity)) ?? reply(535, '7.8', 'No such account');
  } catch (error) {
    if (error instanceof ConnectionClosed || error instanceof CommandSyntaxError) throw error;
    if (error instanceof MailError && error.failure === 'bad-request') return reply(501, '5.2', error.message);
    // RFC 5248 §2.4: X.7.13, user account disabled.
    if (error instanceof MailError && error.failure === 'not-permitted') return reply(535, '7.13', error.message);
    context.log.error({ err: error }, 'cannot look up an account');
    return reply(454, '7.0', 'Temporary authentication failure');
  }
}

/** Challenges and responses as RFC 4954 §4 carries them. */
async function drive<T>(exchange: AsyncGenerator<Uint8Array, T, Uint8Array>, context: Context): Promise<T> {
  let step = await exchange.next();
  while (step.done !== true) {
    const challenge = Buffer.from(step.value).toString('base64');
    const line = await context.ask(reply(334, undefined, challenge));
    // RFC 4954 §4: a lone asterisk cancels; the answer is 501.
    if (line === '*') throw new CommandSyntaxError(reply(501, '7.0', 'Cancelled'));
    step = await exchange.next(decode(line));
  }
  return step.value;
}

async function converse(
  services: SmtpServices,
  peer: Peer,
  mechanism: SaslMechanism,
  channelBinding: ChannelBinding | undefined,
  initial: string | undefined,
  context: Context,
): Promise<Login | undefined> {
  const { directory } = services;
  const saslContext: SaslContext<Login> = {
    scram: (user) => directory.scram(user, 'smtp'),
    random: (length) => services.random.bytes(length),
    ...(channelBinding && { channelBinding }),
  };
  const exchange = startSasl(mechanism, initial === undefined ? undefined : decode(initial), saslContext);
  return verifyLogin(services, peer, await drive(exchange, context));
}

function decode(text: string): Uint8Array {
  const octets = decodeBase64(text);
  if (octets === undefined) throw new CommandSyntaxError(reply(501, '5.2', 'That is not base64'));
  return octets;
}
