/** CHECK (RFC 3501 §6.4.1; gone in RFC 9051): everything is durable when it is answered, so it is a NOOP. */
import { defineCommand, ok } from '../command.ts';

export const check = defineCommand({
  name: 'CHECK',
  allowedIn: ['selected'],
  parse: (cursor) => cursor.end(),
  run: async (_args, _context, state) => {
    await state.selected.view.sync();
    return ok('CHECK completed');
  },
});
