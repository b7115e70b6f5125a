/** USER (RFC 1939 §7): answered alike whether there is such a user or not. */
import { mayAuthenticate } from '../../auth/dialogue.ts';
import { defineCommand } from '../command.ts';
import { text } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';
import { NEEDS_TLS } from './login.ts';

export const user = defineCommand({
  name: 'USER',
  allowedIn: ['authorization'],
  capabilities: ({ connection }) => (mayAuthenticate(connection) ? ['USER'] : []),
  parse: text,
  run: async (name, { session, connection }) => {
    if (!mayAuthenticate(connection)) return NEEDS_TLS;
    session.state = { name: 'authorization', user: name };
    return ok('Now the password');
  },
});
