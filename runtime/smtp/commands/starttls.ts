/** STARTTLS (RFC 3207). */
import { parseNothing } from '#mail/smtp/command.ts';
import { reply } from '#mail/smtp/reply.ts';
import { type Command, defineCommand } from '../command-table.ts';

export function starttls<R, L>(): Command<R, L> {
  // Never within a transaction, whose envelope was spoken in the clear. Before EHLO it is tolerated, as RFC 3207 doesn't forbid it.
  return defineCommand<R, L, 'connected' | 'greeted', undefined>({
    allowedIn: ['connected', 'greeted'],
    // What is sent along in the clear is not an error but dropped (§4.2), so this doesn't end a group in the engine's sense.
    keywords: (connection) => (connection.tls === undefined ? ['STARTTLS'] : []),
    parse: parseNothing,
    run(session, _, { connection }) {
      if (connection.tls !== undefined) return { reply: reply(503, '5.1', 'TLS is active already'), next: session };
      return {
        reply: reply(220, '0.0', 'Go ahead'),
        // RFC 3207 §4.2: back to the state right after the greeting.
        next: { state: 'connected' },
        after: { act: 'start-tls' },
      };
    },
  });
}
