/** STARTTLS (RFC 9051 §6.2.1): the driver shakes hands after the tagged OK and drops all that was sent in the clear. */
import { bad, defineCommand, ok } from '../command.ts';

export const starttls = defineCommand({
  name: 'STARTTLS',
  allowedIn: ['not-authenticated'],
  capabilities: ({ connection }) => (connection.canStartTls ? ['STARTTLS'] : []),
  parse: (cursor) => cursor.end(),
  run: async (_args, context) => {
    if (context.connection.tls) return bad('TLS is on already');
    if (!context.connection.canStartTls) return bad('No certificate is configured');
    return { ...ok('Begin TLS negotiation now'), followedBy: 'start-tls' };
  },
});
