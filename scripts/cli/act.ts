/** The frame around every command: common options, output, the running or resting system, and exit codes. */

import type { Command } from 'commander';
import type { Config } from '#config/config.ts';
import { loadConfig } from '#config/load.ts';
import { createOutput, type Output } from './output.ts';
import { openSystem, type System } from './system.ts';

export type Options = { readonly [name: string]: unknown };

export type Handler<A extends unknown[]> = (output: Output, options: Options, ...args: A) => Promise<void>;

export type Act = typeof act;

/** Wraps a handler into commander's action, whose last two arguments are the options and the command; sets the exit code itself. */
export function act<A extends unknown[]>(handler: Handler<A>): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command;
    const options = command.optsWithGlobals<Options>();
    const output = createOutput(Boolean(options.json));
    try {
      await handler(output, options, ...(args.slice(0, -2) as A));
    } catch (error) {
      process.exitCode = output.error(error);
    }
  };
}

/** Of every command but `init`: `--config FILE`, else `$PEERPOST_CONFIG`, else `./peerpost.toml`. */
export function configFile(options: Options): string {
  const { config } = options;
  return typeof config === 'string' ? config : (process.env.PEERPOST_CONFIG ?? 'peerpost.toml');
}

export const readConfig = (options: Options): Promise<Config> => loadConfig(configFile(options));

/** Runs `use` with the stores of the running system, or of the resting one opened for this command alone. */
export async function withSystem(options: Options, use: (system: System) => Promise<void>): Promise<void> {
  const system = await openSystem(await readConfig(options));
  try {
    await use(system);
  } finally {
    await system.close();
  }
}
