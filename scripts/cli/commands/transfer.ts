/** Commands below `peerpost account` that move an account in and out. */
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { addAccountArchiveCommands } from './transfer-archive.ts';
import { addAccountImportCommand } from './transfer-import.ts';
import { addAccountMoveCommand } from './transfer-move.ts';

export function addTransferCommands(program: Command, act: Act): void {
  const account = program.commands.find((command) => command.name() === 'account');
  if (account === undefined) throw new Error('the account commands come first');
  addAccountImportCommand(account, act);
  addAccountArchiveCommands(account, act);
  addAccountMoveCommand(account, act);
}
