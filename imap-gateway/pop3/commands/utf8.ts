/** UTF8 (RFC 6856 §2): headers may be sent as they are. Names and passwords may be UTF-8 in any case (§2.2). */
import { defineCommand } from '../command.ts';
import { none } from '../grammar/arguments.ts';
import { ok } from '../response/reply.ts';

export const utf8 = defineCommand({
  name: 'UTF8',
  allowedIn: ['authorization'],
  capabilities: () => ['UTF8 USER'],
  parse: none,
  run: async (_args, { session }) => {
    session.utf8 = true;
    return ok('UTF-8 mode');
  },
});
