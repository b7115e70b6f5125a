import type { Command } from 'commander';
import { type AddressStep, type ResolvedAddress, resolveAddress } from '#admin/addresses.ts';
import { type Act, withSystem } from '../act.ts';

export function addAddressCommands(program: Command, act: Act): void {
  const address = program.command('address').description('addresses, whoever has them');

  address
    .command('resolve')
    .argument('<address>')
    .description(
      'what happens with mail for an address: aliases, forwards, moves and alias domains, followed to their ends',
    )
    .action(
      act((output, options, text: string) =>
        withSystem(options, async (system) => {
          const found = await resolveAddress(system, text);
          output.result(found, () => [...found.steps.map(stepLine), endLine(found)].join('\n'));
        }),
      ),
    );
}

const HOW = {
  name: '',
  detail: ' (by the name before +)',
  'catch-all': ' (catch-all)',
  role: ' (as every domain has one)',
};

function stepLine({ address, from, kind, how, domain, account, detail, targets, forward, moved }: AddressStep): string {
  const indent = from === undefined ? '' : '  ';
  const at = `${how === undefined ? '' : HOW[how]}${domain === undefined ? '' : ` in ${domain}, which its domain stands for`}`;
  const to = (all: readonly string[] = []): string => all.join(', ');
  const said = {
    account: () =>
      `account ${account?.address}${detail === undefined ? '' : `, detail ${detail}`}${at}${forwardText(forward)}`,
    alias: () => `alias${at} to ${to(targets)}`,
    moved: () =>
      `account ${account?.address}${at}, which moved to ${moved?.to}: ${moved?.how === 'forward' ? 'followed' : 'refused with the new address'}`,
    unknown: () => 'unknown: refused',
    foreign: () => 'not one of our domains: sent on',
  } satisfies Record<AddressStep['kind'], () => string>;
  return `${indent}${address}: ${said[kind]()}`;
}

function forwardText(forward: AddressStep['forward']): string {
  if (forward === undefined) return '';
  return `, forwards to ${forward.targets.join(', ')}${forward.keep ? ' and keeps a copy' : ''}`;
}

function endLine({ accounts, elsewhere, refused }: ResolvedAddress): string {
  const part = (what: string, all: readonly string[]): string[] =>
    all.length > 0 ? [`${what} ${all.join(', ')}`] : [];
  return `=> ${[...part('delivered to', accounts), ...part('sent on to', elsewhere), ...part('refused:', refused)].join('; ')}`;
}
