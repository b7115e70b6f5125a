/** AUTH (RFC 5034). */
import { announcedMechanisms, authenticate, DialogueEnded, mayAuthenticate } from '../../auth/dialogue.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { mechanism } from '../grammar/arguments.ts';
import { ParseError } from '../grammar/parse-error.ts';
import { err, type Reply, WRITTEN } from '../response/reply.ts';
import { logIn, NEEDS_TLS } from './login.ts';

export const auth = defineCommand({
  name: 'AUTH',
  allowedIn: ['authorization'],
  capabilities: ({ connection }) =>
    mayAuthenticate(connection) ? [`SASL ${announcedMechanisms(connection.binding()).join(' ')}`] : [],
  parse: mechanism,
  run: async (args, context) => {
    const { connection, services } = context;
    if (!mayAuthenticate(connection)) return NEEDS_TLS;
    if (args.mechanism === undefined) return listMechanisms(context);
    const login = await authenticate({
      mechanism: args.mechanism,
      ...(args.initial !== undefined && { initial: args.initial }),
      binding: connection.binding(),
      auth: services.auth,
      remote: connection.remote,
      ask: (challenge) => context.ask(challenge),
    }).catch(ended);
    if (login === undefined) return err('Unknown mechanism');
    return await logIn(context, login);
  },
});

function ended(error: unknown): never {
  throw error instanceof DialogueEnded ? new ParseError(error.message) : error;
}

/** No RFC has it, but old clients ask so. */
function listMechanisms({ out, connection }: CommandContext): Reply {
  out.write(['+OK Mechanisms follow', ...announcedMechanisms(connection.binding()), '.', ''].join('\r\n'));
  return WRITTEN;
}
