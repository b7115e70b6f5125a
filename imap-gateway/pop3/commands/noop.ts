/** NOOP (RFC 1939 §5). */
import { defineCommand } from '../command.ts';
import { none } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';

export const noop = defineCommand({
  name: 'NOOP',
  allowedIn: ['transaction'],
  parse: none,
  run: async () => ok(''),
});
