/** MOVE and UID MOVE (RFC 9051 §6.4.8, RFC 6851): copy and expunge in one commit. */
import { type CommandContext, type Completion, defineCommand, no, ok } from '../command.ts';
import { type CopyArguments, parseCopy } from '../grammar/copy.ts';
import type { StateOf } from '../session.ts';
import { transfer } from './transfer.ts';

type Arguments = CopyArguments & { readonly uid: boolean };

export const move = defineCommand({
  name: 'MOVE',
  uid: true,
  allowedIn: ['selected'],
  capabilities: ['MOVE'],
  parse: (cursor, { uid }): Arguments => ({ ...parseCopy(cursor), uid }),
  run: runMove,
});

async function runMove(args: Arguments, context: CommandContext, state: StateOf<'selected'>): Promise<Completion> {
  if (state.selected.readOnly) return no('The mailbox is open for reading only', 'READ-ONLY');
  const code = await transfer('move', args, context, state);
  if (code === undefined || code === EXPUNGED) return ok('MOVE completed', code);
  // RFC 6851 §4.3: COPYUID comes before the EXPUNGEs, which the driver reports when this returns.
  context.out.write(`* OK [${code}] Moved\r\n`);
  return ok('MOVE completed');
}

/** What was moved away by somebody else is where it should not be any more: no reason for NO, which leaves ghosts on phones. */
const EXPUNGED = 'EXPUNGEISSUED';
