/** NOOP (RFC 9051 §6.1.2): the occasion to hear of changes, which the driver reports after every command. */
import { defineCommand, ok } from '../command.ts';

export const noop = defineCommand({
  name: 'NOOP',
  allowedIn: ['not-authenticated', 'authenticated', 'selected'],
  parse: (cursor) => cursor.end(),
  run: async (_args, _context, state) => {
    // Whoever polls wants to see what was committed before the question.
    if (state.name === 'selected') await state.selected.view.sync();
    return ok('NOOP completed');
  },
});
