/** CAPA (RFC 2449 §5). */
import { defineCommand } from '../command.ts';
import { none } from '../grammar/arguments.ts';
import { WRITTEN } from '../response/reply.ts';

export const capa = defineCommand({
  name: 'CAPA',
  allowedIn: ['authorization', 'transaction'],
  parse: none,
  run: async (_args, context) => {
    context.out.write(['+OK Capabilities follow', ...context.capabilities(), '.', ''].join('\r\n'));
    return WRITTEN;
  },
});
