/** PASS (RFC 1939 §7), only behind USER. */
import { mayAuthenticate } from '../../auth/dialogue.ts';
import { defineCommand } from '../command.ts';
import { password } from '../grammar/arguments.ts';
import { err } from '../response/reply.ts';
import { logIn, NEEDS_TLS } from './login.ts';

export const pass = defineCommand({
  name: 'PASS',
  allowedIn: ['authorization'],
  parse: password,
  run: async (secret, context, { user }) => {
    const { connection, services, session } = context;
    if (!mayAuthenticate(connection)) return NEEDS_TLS;
    if (user === undefined) return err('Say USER first');
    // RFC 1939 §7: after a failure the client begins again.
    session.state = { name: 'authorization' };
    await services.auth.admit(connection.remote);
    const outcome = { kind: 'password', username: user, authzid: '', password: secret } as const;
    return await logIn(context, await services.auth.finish(outcome, connection.remote));
  },
});
