/** NAMESPACE (RFC 9051 §6.3.10, RFC 2342): one personal namespace without a prefix. */
import { defineCommand, ok } from '../command.ts';

export const namespace = defineCommand({
  name: 'NAMESPACE',
  allowedIn: ['authenticated', 'selected'],
  capabilities: ['NAMESPACE'],
  parse: (cursor) => cursor.end(),
  run: async (_args, context) => {
    context.out.write('* NAMESPACE (("" "/")) NIL NIL\r\n');
    return ok('NAMESPACE completed');
  },
});
