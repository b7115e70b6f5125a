/** `peerpost domain dkim add|list|check|set|remove`: the keys that mail of a domain is signed with. */
import type { Command } from 'commander';
import { addDkimKeys, checkDkimKeys, type DkimItem, listDkimKeys, removeDkimKey, setDkimState } from '#admin/dkim.ts';
import { zoneLine } from '#admin/setup/zone.ts';
import { serversFor } from '#runtime/dns/resolv-conf.ts';
import { createStubResolver } from '#runtime/dns/stub-resolver.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import { DKIM_STATES } from '#store/account-rules.ts';
import { type Act, type Options, readConfig, withSystem } from '../act.ts';
import { readChoices } from '../arguments.ts';
import { readStandardInput } from '../input.ts';
import { table, UsageError } from '../output.ts';
import { CLI, type System } from '../system.ts';

/** `domain` is the group of `commands/domain.ts`. */
export function addDomainDkimCommands(program: Command, act: Act): void {
  const command = program.commands
    .find((one) => one.name() === 'domain')
    ?.command('dkim')
    .description('the keys that mail of a domain is signed with');
  if (command === undefined) throw new Error('no group "domain"');
  addAdd(command, act);
  addCheck(command, act);

  command
    .command('list')
    .argument('<domain>')
    .description('all keys of a domain')
    .action(
      act((output, options, domain: string) =>
        withKeys(options, async (rooms) => {
          const { items } = await listDkimKeys(rooms, domain);
          output.result({ items }, () => keyTable(items, []));
        }),
      ),
    );

  command
    .command('set')
    .argument('<domain>')
    .argument('<selector>')
    .argument('<state>', DKIM_STATES.join(', '))
    .description('let a key sign, wait, or retire')
    .action(
      act((output, options, domain: string, selector: string, state: string) =>
        withKeys(options, async (rooms) => {
          const [wanted] = readChoices('state', [state], DKIM_STATES);
          if (wanted === undefined) throw new UsageError('name a state');
          const item = await setDkimState(rooms, { domain, selector, state: wanted }, CLI);
          output.result(item, () => `${item.selector} of ${item.domain} is ${item.state}`);
        }),
      ),
    );

  command
    .command('remove')
    .argument('<domain>')
    .argument('<selector>')
    .option('--force', 'even while it signs, or while mail that it has signed may be under way')
    .description('end a key; its record in DNS may go with it')
    .action(
      act((output, options, domain: string, selector: string) =>
        withKeys(options, async (rooms) => {
          const removed = await removeDkimKey(rooms, { domain, selector, force: options.force === true }, CLI);
          output.result(removed, () => `removed ${removed.selector} of ${removed.domain}`);
        }),
      ),
    );
}

const ALGORITHMS = { rsa: 'rsa-sha256', ed25519: 'ed25519-sha256' } as const;
const NAMES = ['rsa', 'ed25519'] as const;

function addAdd(command: Command, act: Act): void {
  command
    .command('add')
    .argument('<domain>')
    .option('--algorithm <name>', 'rsa or ed25519; without, one key of each')
    .option('--selector <name>', 'its name in DNS; without, the year and a letter')
    .option('--key-stdin', 'take over a private key in PEM, such as of another mail server')
    .option('--sign', 'sign with it at once: its record is published already')
    .description('make keys, and print the records to publish')
    .addHelpText(
      'after',
      `
Keys sign once you have published their records and say so:

  peerpost domain dkim add example.org             make keys
  peerpost domain dkim check example.org --sign    once the records are published; again for each rotation

A new year, or a leak: do the same again. The old keys are retired then, and their records must stay
until \`list\` says so (what they have signed is under way).`,
    )
    .action(
      act((output, options, domain: string) =>
        withKeys(options, async (rooms) => {
          const { algorithm, selector, keyStdin, sign } = options;
          const [name] = typeof algorithm === 'string' ? readChoices('algorithm', [algorithm], NAMES) : [];
          const { items } = await addDkimKeys(
            rooms,
            {
              domain,
              ...(name !== undefined && { algorithm: ALGORITHMS[name] }),
              ...(typeof selector === 'string' && { selector }),
              ...(keyStdin === true && { key: await readStandardInput() }),
              ...(sign === true && { state: 'signing' }),
            },
            CLI,
          );
          output.result({ items }, () => zone(items));
        }),
      ),
    );
}

function addCheck(command: Command, act: Act): void {
  command
    .command('check')
    .argument('<domain>')
    .option('--sign', 'sign with what waits and is there, and retire what signed before')
    .description('look which keys DNS has')
    .action(
      act((output, options, domain: string) =>
        withKeys(options, async (rooms) => {
          const servers = await serversFor((await readConfig(options)).dns.servers);
          const resolver = createStubResolver({ servers, clock: systemClock, random: systemRandom });
          const { items } = await checkDkimKeys({ ...rooms, resolver }, { domain, sign: options.sign === true }, CLI);
          output.result({ items }, () =>
            keyTable(
              items,
              items.map(({ seen }) => seen),
            ),
          );
        }),
      ),
    );
}

/** What acts need, and how long mail may wait. */
async function withKeys(options: Options, use: (rooms: System & { expire: number }) => Promise<void>): Promise<void> {
  const { expire } = (await readConfig(options)).delivery;
  await withSystem(options, (system) => use({ ...system, expire }));
}

function keyTable(items: readonly DkimItem[], seen: readonly string[]): string {
  const head = ['SELECTOR', 'ALGORITHM', 'BITS', ...(seen.length > 0 ? ['DNS'] : []), 'STATE', 'SINCE'];
  const rows = items.map((key, i) => [
    key.selector,
    key.algorithm,
    key.bits === undefined ? 'damaged' : String(key.bits),
    ...(seen.length > 0 ? [seen[i] ?? ''] : []),
    key.publishedUntil === undefined ? key.state : `${key.state}, published until ${key.publishedUntil}`,
    key.changedAt,
  ]);
  return table(head, rows);
}

const zone = (items: readonly DkimItem[]): string =>
  items
    .flatMap(({ record }) =>
      record === undefined ? [] : [zoneLine({ ...record, type: 'TXT', ttl: 3600, purpose: '' })],
    )
    .join('\n');
