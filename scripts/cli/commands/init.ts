import { access, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { addDomain } from '#admin/domains.ts';
import { initialConfig } from '#config/init.ts';
import { parseConfig } from '#config/parse.ts';
import { syncFolder } from '#runtime/durable-folder.ts';
import type { Act } from '../act.ts';
import { makeFolder } from '../folder.ts';
import { CommandError, UsageError } from '../output.ts';
import { CLI, openSystem } from '../system.ts';

interface InitOptions {
  readonly data: string;
  readonly domain: string;
  readonly hostname?: string;
  readonly listen?: string;
  readonly portBase?: string;
}

export function addInitCommand(program: Command, act: Act): void {
  program
    .command('init')
    .requiredOption('--data <dir>', 'folder for the configuration and all data; made when missing')
    .requiredOption('--domain <domain>', 'the first domain that this peer is final for')
    .option('--hostname <name>', 'the name of this host, as its MX record has it (default: mail.DOMAIN)')
    .option('--listen <address>', 'the address to listen on (default: all; with --port-base 127.0.0.1)')
    .option('--port-base <n>', 'listen on the standard ports plus this, so that no root is needed')
    .description('write DIR/peerpost.toml for a new peer, and take mail for its domain; refuses where one is')
    .action(
      act(async (output, options) => {
        const { data: folder, domain, hostname, listen, portBase: base } = options as unknown as InitOptions;
        const data = resolve(folder);
        const file = join(data, 'peerpost.toml');
        const text = initialConfig({
          domain,
          ...(hostname === undefined ? {} : { hostname }),
          ...(listen === undefined ? {} : { listen }),
          ...(base === undefined ? {} : { portBase: portBase(base) }),
        });
        // What the options said is checked as the whole that it makes, before anything is written.
        const config = parseConfig(text, { file, cores: 1 });
        if (await exists(file))
          throw new CommandError('exists', `${file} exists already; remove it first to start afresh`);
        await makeFolder(data);
        await writeFile(file, text, { flag: 'wx', mode: 0o640, flush: true });
        await syncFolder(data);
        const system = await openSystem(config);
        try {
          await addDomain(system, { domain }, CLI);
        } finally {
          await system.close();
        }
        output.result({ config: file, domain, hostname: config.hostname }, () =>
          [
            `wrote ${file}`,
            'next:',
            `  peerpost account add you@${domain} --password-stdin --config ${file}`,
            `  peerpost run --config ${file}`,
          ].join('\n'),
        );
      }),
    );
}

function portBase(text: string): number {
  const base = Number(text);
  if (!Number.isInteger(base) || base < 1 || base > 56_000)
    throw new UsageError(`--port-base ${text}: expected a whole number from 1 to 56000`);
  return base;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
