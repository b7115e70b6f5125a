/** CAPABILITY (RFC 9051 §6.1.1). */
import { defineCommand, ok } from '../command.ts';

export const capability = defineCommand({
  name: 'CAPABILITY',
  allowedIn: ['not-authenticated', 'authenticated', 'selected'],
  parse: (cursor) => cursor.end(),
  run: async (_args, context) => {
    context.out.write(`* CAPABILITY ${context.capabilities()}\r\n`);
    return ok('CAPABILITY completed');
  },
});
