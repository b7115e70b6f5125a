import { Argument, type Command } from 'commander';
import type { Config, ProgramName } from '#config/config.ts';
import { runSupervisor } from '#runtime/supervisor/run.ts';
import { type Act, readConfig } from '../act.ts';
import { checkShards } from '../shards.ts';

const entry = (path: string): string => new URL(`../../../${path}/main.ts`, import.meta.url).pathname;

/**
 * Mail passes as buffers, which V8 counts as part of the heap: it would collect the old generation, which has hardly changed, every hundred messages of
 * 100 KB, and that cost as much as delivering them.
 */
const PASSES_MAIL = ['--heap-growing-percent=300'];

export const programs = [
  { name: 'mda', entry: entry('mda'), flags: PASSES_MAIL },
  { name: 'mta', entry: entry('mta'), flags: PASSES_MAIL },
  { name: 'imap-gateway', entry: entry('imap-gateway') },
] as const;

export function addRunCommand(program: Command, act: Act, version: string): void {
  program
    .command('run')
    .addArgument(new Argument('[program]', 'run this one alone').choices(programs.map(({ name }) => name)))
    .description('run the peer: prints `ready` when everything listens; logs go to standard error')
    .addHelpText(
      'after',
      '\nSIGTERM drains (finish what is in hand, then end), a second one ends at once. SIGHUP reloads configuration and certificates.',
    )
    .action(
      act(async (_output, options, only: ProgramName | undefined) => {
        const loadConfig = async (): Promise<Config> => {
          const config = await readConfig(options);
          await checkShards(config);
          return config;
        };
        const config = await loadConfig();
        await runSupervisor({ config, programs, version, loadConfig, ...(only === undefined ? {} : { only }) });
      }),
    );
}
