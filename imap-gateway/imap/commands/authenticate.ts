/** AUTHENTICATE (RFC 9051 §6.2.2; SASL-IR: RFC 4959): base64 around the mechanisms of mail/sasl. */
import type { ChannelBinding } from '#mail/sasl/exchange.ts';
import { findMechanism, offeredMechanisms, type SaslMechanism, startSasl } from '#mail/sasl/mechanism.ts';
import type { Login } from '#store/directory.ts';
import { bad, type CommandContext, type ConnectionFacts, defineCommand, no, ok, Refused } from '../command.ts';
import { type Cursor, SP } from '../grammar/cursor.ts';

/** LOGIN is an obsolete mechanism, and the command LOGIN is there for those who know nothing else. */
const offered = (binding: ChannelBinding | undefined): readonly SaslMechanism[] =>
  offeredMechanisms(binding).filter((name) => name !== 'LOGIN');
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

interface AuthenticateArguments {
  readonly mechanism: string;
  /** As sent: `=` is an empty response. */
  readonly initial?: string;
}

const mayAuthenticate = (connection: ConnectionFacts): boolean => connection.tls || connection.loopback;

export const authenticate = defineCommand({
  name: 'AUTHENTICATE',
  allowedIn: ['not-authenticated'],
  capabilities: ({ connection }) =>
    mayAuthenticate(connection) ? [...offered(connection.binding()).map((name) => `AUTH=${name}`), 'SASL-IR'] : [],
  parse: parseAuthenticate,
  run: async ({ mechanism, initial }, context) => {
    const { connection, services } = context;
    const binding = connection.binding();
    const name = findMechanism(mechanism);
    if (name === undefined || !offered(binding).includes(name)) return no('Unknown mechanism', 'CANNOT');
    if (!mayAuthenticate(connection)) return no('Passwords need TLS here', 'PRIVACYREQUIRED');
    await services.auth.admit(connection.remote);
    const first = initial === undefined ? undefined : decode(initial === '=' ? '' : initial);
    const exchange = startSasl(name, first, { ...services.auth.sasl, ...(binding && { channelBinding: binding }) });
    let step = await exchange.next();
    while (step.done !== true) {
      const line = await context.ask(Buffer.from(step.value).toString('base64'));
      step = await exchange.next(decode(line.toString('latin1')));
    }
    admitted(context, await services.auth.finish(step.value, connection.remote));
    return ok('AUTHENTICATE completed', `CAPABILITY ${context.capabilities()}`);
  },
});

/** Installs the state of somebody who has proved to be `login`. */
export function admitted(context: CommandContext, login: Login): void {
  const access = { owner: login.account, viewer: login.account };
  context.session.state = { name: 'authenticated', login, access };
  context.log.info(
    { login: login.address, remote: context.connection.remote, tls: context.connection.tls },
    'logged in',
  );
}

/** A `*` cancels the exchange; RFC 9051 §6.2.2: both that and what isn't base64 get a tagged BAD. */
function decode(text: string): Buffer {
  if (text === '*') throw new Refused(bad('AUTHENTICATE cancelled'));
  if (!BASE64.test(text)) throw new Refused(bad('Not base64'));
  return Buffer.from(text, 'base64');
}

function parseAuthenticate(cursor: Cursor): AuthenticateArguments {
  cursor.sp();
  const mechanism = cursor.keyword();
  if (!cursor.try(SP)) {
    cursor.end();
    return { mechanism };
  }
  const initial = cursor.rest().toString('latin1');
  cursor.end();
  return { mechanism, initial };
}
