/** AUTHENTICATE (RFC 9051 §6.2.2; SASL-IR: RFC 4959). */
import type { Login } from '#store/directory.ts';
import { announcedMechanisms, authenticate as converse, DialogueEnded, mayAuthenticate } from '../../auth/dialogue.ts';
import { bad, type CommandContext, defineCommand, no, ok, Refused } from '../command.ts';
import { type Cursor, SP } from '../grammar/cursor.ts';

interface AuthenticateArguments {
  readonly mechanism: string;
  /** As sent: `=` is an empty response. */
  readonly initial?: string;
}

export const authenticate = defineCommand({
  name: 'AUTHENTICATE',
  allowedIn: ['not-authenticated'],
  capabilities: ({ connection }) =>
    mayAuthenticate(connection)
      ? [...announcedMechanisms(connection.binding()).map((name) => `AUTH=${name}`), 'SASL-IR']
      : [],
  parse: parseAuthenticate,
  run: async (args, context) => {
    const { connection, services } = context;
    if (!mayAuthenticate(connection)) return no('Passwords need TLS here', 'PRIVACYREQUIRED');
    const login = await converse({
      ...args,
      binding: connection.binding(),
      auth: services.auth,
      remote: connection.remote,
      ask: async (challenge) => (await context.ask(challenge)).toString('latin1'),
    }).catch(ended);
    if (login === undefined) return no('Unknown mechanism', 'CANNOT');
    admitted(context, login);
    return ok('AUTHENTICATE completed', `CAPABILITY ${context.capabilities()}`);
  },
});

/** RFC 9051 §6.2.2: what was cancelled and what isn't base64 get a tagged BAD. */
function ended(error: unknown): never {
  throw error instanceof DialogueEnded ? new Refused(bad(error.message)) : error;
}

/** Installs the state of somebody who has proved to be `login`. */
export function admitted(context: CommandContext, login: Login): void {
  const access = { owner: login.account, viewer: login.account };
  context.session.state = { name: 'authenticated', login, access };
  context.log.info(
    { login: login.address, remote: context.connection.remote, tls: context.connection.tls },
    'logged in',
  );
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
