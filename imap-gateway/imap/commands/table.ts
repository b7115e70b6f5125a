/** Every command that we serve: a new one is its own file and a line here. */
import type { Command } from '../command.ts';
import { capability } from './capability.ts';
import { noop } from './noop.ts';

const commands: readonly Command[] = [capability, noop];

export const commandTable: ReadonlyMap<string, Command> = new Map(commands.map((command) => [command.name, command]));
