/** COPY and UID COPY (RFC 9051 §6.4.7): all or nothing, in one commit. */
import { type CommandContext, type Completion, defineCommand, ok } from '../command.ts';
import { type CopyArguments, parseCopy } from '../grammar/copy.ts';
import type { StateOf } from '../session.ts';
import { transfer } from './transfer.ts';

type Arguments = CopyArguments & { readonly uid: boolean };

export const copy = defineCommand({
  name: 'COPY',
  uid: true,
  allowedIn: ['selected'],
  capabilities: ['UIDPLUS'],
  parse: (cursor, { uid }): Arguments => ({ ...parseCopy(cursor), uid }),
  run: runCopy,
});

async function runCopy(args: Arguments, context: CommandContext, state: StateOf<'selected'>): Promise<Completion> {
  const code = await transfer('copy', args, context, state);
  return ok('COPY completed', code);
}
