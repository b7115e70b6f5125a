import type { Command } from 'commander';
import { addDomain, listDomains, removeDomain, renameDomain, setDomainAlias, showDomain } from '#admin/domains.ts';
import { type Act, type Options, withSystem } from '../act.ts';
import { table, UsageError } from '../output.ts';
import { CLI } from '../system.ts';

export function addDomainCommands(program: Command, act: Act): void {
  const domain = program.command('domain').description('the domains that this peer is final for');

  domain
    .command('add')
    .argument('<domain>', 'a DNS name, such as example.org')
    .option('--alias-of <domain>', 'mail for NAME there is that of NAME in this other domain of ours')
    .description('take mail for a domain from now on')
    .action(
      act((output, options: Options & { aliasOf?: string }, name: string) =>
        withSystem(options, async (system) => {
          const { aliasOf } = options;
          const added = await addDomain(system, { domain: name, ...(aliasOf !== undefined && { aliasOf }) }, CLI);
          output.result(added, () =>
            aliasOf === undefined
              ? `added ${name}; add accounts with: peerpost account add NAME@${name} --password-stdin`
              : `added ${name}: its mail is that of ${aliasOf}; see also: peerpost domain dns ${name}`,
          );
        }),
      ),
    );

  domain
    .command('alias')
    .argument('<domain>')
    .argument('[of]', 'another domain of this peer, that is no alias itself')
    .option('--off', 'it stands for itself again')
    .description('make a domain an alias of another: mail, logins and senders of NAME@DOMAIN are those of NAME@OF')
    .action(
      act((output, options: Options & { off?: boolean }, name: string, of?: string) =>
        withSystem(options, async (system) => {
          if ((of === undefined) === (options.off !== true))
            throw new UsageError('name the other domain, or say --off');
          await setDomainAlias(system, { domain: name, ...(of !== undefined && { aliasOf: of }) }, CLI);
          output.result(await showDomain(system, name), () =>
            of === undefined ? `${name} stands for itself` : `${name} is an alias of ${of}`,
          );
        }),
      ),
    );

  domain
    .command('show')
    .argument('<domain>')
    .description('one domain')
    .action(
      act((output, options, name: string) =>
        withSystem(options, async (system) => {
          const found = await showDomain(system, name);
          const of = found.aliasOf === undefined ? [] : [`alias of ${found.aliasOf}`];
          output.result(found, () => [found.domain, ...of, `since ${found.createdAt}`].join(', '));
        }),
      ),
    );

  domain
    .command('rename')
    .argument('<domain>')
    .argument('<to>', 'new here, an alias of it, or a domain in which none of the names is taken')
    .option('--alias', 'the old name stays, as an alias domain; otherwise it goes')
    .description('give a domain another name: all accounts, aliases and what leads to them')
    .action(
      act((output, options: Options & { alias?: boolean }, name: string, to: string) =>
        withSystem(options, async (system) => {
          const alias = options.alias === true;
          const renamed = await renameDomain(system, { domain: name, to, alias }, CLI);
          const stays = alias ? `; ${name} is an alias of it` : '';
          output.result(renamed, () => `${name} is ${renamed.domain} now${stays}; see also: peerpost domain dns ${to}`);
        }),
      ),
    );

  domain
    .command('remove')
    .argument('<domain>')
    .description(
      'stop taking mail for a domain; refused while accounts or aliases stand in it, or another is an alias of it',
    )
    .action(
      act((output, options, name: string) =>
        withSystem(options, async (system) => {
          output.result(await removeDomain(system, name, CLI), () => `removed ${name}`);
        }),
      ),
    );

  domain
    .command('list')
    .description('all domains')
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const { items } = await listDomains(system);
          output.result({ items }, () =>
            table(
              ['DOMAIN', 'SINCE', 'ALIAS OF'],
              items.map((d) => [d.domain, d.createdAt, d.aliasOf ?? '']),
            ),
          );
        }),
      ),
    );
}
