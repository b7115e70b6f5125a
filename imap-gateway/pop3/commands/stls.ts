/** STLS (RFC 2595 §4): the driver shakes hands after the +OK and drops all that was sent in the clear. */
import { defineCommand } from '../command.ts';
import { none } from '../grammar/arguments.ts';
import { err, ok } from '../response/reply.ts';

export const stls = defineCommand({
  name: 'STLS',
  allowedIn: ['authorization'],
  capabilities: ({ connection, session }) =>
    connection.canStartTls && session.state.name === 'authorization' ? ['STLS'] : [],
  parse: none,
  run: async (_args, { connection }) => {
    if (connection.tls) return err('TLS is on already');
    if (!connection.canStartTls) return err('No certificate is configured');
    return { ...ok('Begin TLS negotiation now'), followedBy: 'start-tls' };
  },
});
