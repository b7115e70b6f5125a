/** LOGIN (RFC 9051 §6.2.3): the password in the clear, so only over TLS or loopback; LOGINDISABLED says so (§6.2.3, RFC 2595 §3.2). */
import { mayAuthenticate } from '../../auth/dialogue.ts';
import { defineCommand, no, ok } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { admitted } from './authenticate.ts';

export const login = defineCommand({
  name: 'LOGIN',
  allowedIn: ['not-authenticated'],
  capabilities: ({ connection }) => (mayAuthenticate(connection) ? [] : ['LOGINDISABLED']),
  parse: parseLogin,
  run: async ({ username, password }, context) => {
    const { connection, services } = context;
    if (!mayAuthenticate(connection)) return no('Passwords need TLS here', 'PRIVACYREQUIRED');
    await services.auth.admit(connection.remote);
    const outcome = { kind: 'password', username, authzid: '', password } as const;
    admitted(context, await services.auth.finish(outcome, connection.remote));
    return ok('LOGIN completed', `CAPABILITY ${context.capabilities()}`);
  },
});

function parseLogin(cursor: Cursor): { readonly username: string; readonly password: string } {
  cursor.sp();
  const username = cursor.text();
  cursor.sp();
  const password = cursor.text();
  cursor.end();
  return { username, password };
}
