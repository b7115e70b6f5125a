/**
 * SASL mechanisms (RFC 4422) as conversations: an async generator that yields challenges, receives responses, and returns what it came to.
 * Bytes here are raw; base64, `=` for the empty initial response, and `*` for cancelling belong to the protocol that carries it:
 *
 *     const exchange = startSasl('SCRAM-SHA-256', initialResponse, context);   // undefined when the client gave none
 *     let step = await exchange.next();
 *     while (!step.done) step = await exchange.next(await ask(step.value));     // 334 / + and the client's line, decoded
 *     const login = await verifySasl(step.value, (user, password) => directory.authenticate(user, password));
 *
 * A malformed response throws `MailError('bad-request')`: 501, BAD. To cancel, drop the generator (`await exchange.return(…)` isn't needed: nothing is
 * held). A throw of `context.scram` passes through unchanged, so a store that is down is a temporary failure and never "wrong password".
 */
import { MailError } from '#mail/failure.ts';
import type { ChannelBinding, SaslContext, SaslExchange, SaslOutcome } from './exchange.ts';
import { login } from './login.ts';
import { plain } from './plain.ts';
import { scramServer } from './scram-server.ts';

export type SaslMechanism = 'PLAIN' | 'LOGIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';

const MECHANISMS: readonly SaslMechanism[] = ['SCRAM-SHA-256', 'PLAIN', 'LOGIN'];

/**
 * In the order in which to announce them, best first; after TLS or from loopback only. With a binding SCRAM-SHA-256-PLUS is among them. It must be
 * given to the exchange exactly where it is announced: a client that could bind and was not offered it says so (`y`, RFC 5802 §6).
 */
export function offeredMechanisms(binding: ChannelBinding | undefined): readonly SaslMechanism[] {
  return binding === undefined ? MECHANISMS : ['SCRAM-SHA-256-PLUS', ...MECHANISMS];
}

/** Names are compared without case. `undefined` for a mechanism that we don't have (504 5.5.4, NO). */
export function findMechanism(name: string): SaslMechanism | undefined {
  const upper = name.toUpperCase();
  return Object.hasOwn(starters, upper) ? (upper as SaslMechanism) : undefined;
}

export function startSasl<L>(
  name: SaslMechanism,
  initial: Uint8Array | undefined,
  context: SaslContext<L>,
): SaslExchange<L> {
  return starters[name](initial, context);
}

/**
 * Turns an outcome into the account, or `undefined` for wrong credentials. Acting as somebody else (RFC 4422 §3.4.1) is not allowed: `authzid` must be
 * empty or name the same user.
 */
export async function verifySasl<L>(
  outcome: SaslOutcome<L>,
  authenticate: (username: string, password: string) => Promise<L | undefined>,
): Promise<L | undefined> {
  const found = outcome.kind === 'scram' ? outcome.login : await authenticate(outcome.username, outcome.password);
  // Checked after the secret, so that a refused identity takes as long as a wrong password.
  const own = outcome.authzid === '' || outcome.authzid.toLowerCase() === outcome.username.toLowerCase();
  return own ? found : undefined;
}

type Starter = <L>(initial: Uint8Array | undefined, context: SaslContext<L>) => SaslExchange<L>;

const starters = {
  PLAIN: (initial) => plain(initial),
  LOGIN: (initial) => login(initial),
  'SCRAM-SHA-256': (initial, context) => scramServer(initial, context, false),
  'SCRAM-SHA-256-PLUS': (initial, context) => {
    if (context.channelBinding === undefined) throw new MailError('bad-request', 'No channel to bind to');
    return scramServer(initial, context, true);
  },
} satisfies Record<SaslMechanism, Starter> as Record<SaslMechanism, Starter>;
