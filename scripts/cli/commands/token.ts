/** `peerpost token add|list|remove`. */
import type { Command } from 'commander';
import { addToken, listTokens, removeToken } from '#admin/tokens.ts';
import { TOKEN_SCOPES } from '#store/credentials.ts';
import { type Act, type Options, withSystem } from '../act.ts';
import { readChoices, readExpiry } from '../arguments.ts';
import { table, UsageError } from '../output.ts';
import { CLI } from '../system.ts';

export function addTokenCommands(program: Command, act: Act): void {
  const command = program.command('token').description('tokens for programs that use the REST API');
  addAdd(command, act);

  command
    .command('list')
    .option('--account <address>', 'only those of this account')
    .description('all tokens, with their last use')
    .action(
      act((output, options) =>
        withSystem(options, async (system) => {
          const { items } = await listTokens(system, accountOf(options));
          const rows = items.map((t) => [
            t.id,
            t.account ?? '(peer)',
            t.scopes.join(','),
            t.expiresAt ?? 'never',
            t.lastUsedAt === undefined ? 'never' : `${t.lastUsedAt} from ${t.lastUsedFrom ?? '?'}`,
            t.name,
          ]);
          output.result({ items }, () => table(['ID', 'ACCOUNT', 'SCOPES', 'EXPIRES', 'LAST USED', 'NAME'], rows));
        }),
      ),
    );

  command
    .command('remove')
    .argument('<token>', 'its name or id; not its text')
    .option('--account <address>', 'where several accounts have one of that name')
    .description('end one: the next request with it is refused')
    .action(
      act((output, options, token: string) =>
        withSystem(options, async (system) => {
          const removed = await removeToken(system, { token, ...accountOf(options) }, CLI);
          output.result(removed, () => `removed "${removed.name}"`);
        }),
      ),
    );
}

function addAdd(command: Command, act: Act): void {
  command
    .command('add')
    .argument('<name>', 'what it is for, such as "backup"')
    .requiredOption('--scope <scope...>', `what it may do: ${TOKEN_SCOPES.join(', ')}`)
    .option('--account <address>', 'it acts as this account; without, it is a token of the peer, for admin scopes')
    .option('--expires <when>', 'such as 90d, 2027-01-31 or 2027-01-31T12:00:00Z; without, never')
    .option('--network <network...>', 'only from these networks or addresses, such as 192.0.2.0/24')
    .description('make one, and print it; it is shown this once')
    .addHelpText(
      'after',
      `
Programs send it as \`Authorization: Bearer pp_…\`. Only a hash of it is kept.

  mail:read   read mail and what changes        account     the account's own settings and app passwords
  mail:write  change, file and delete mail      admin:read  see everything about this peer but mail
  send        send mail as the account          admin       administer this peer

  peerpost token add newsletter --account news@example.org --scope send --expires 365d
  peerpost token add monitoring --scope admin:read --network 192.0.2.7`,
    )
    .action(
      act((output, options, name: string) =>
        withSystem(options, async (system) => {
          const scopes = readChoices('scope', options.scope, TOKEN_SCOPES);
          const { account } = accountOf(options);
          const own = scopes.filter((scope) => !scope.startsWith('admin'));
          if (account === undefined && own.length > 0)
            throw new UsageError(`${own.join(', ')} needs an account: give --account ADDRESS`);
          const expires = options.expires;
          const added = await addToken(
            system,
            {
              name,
              scopes,
              ...(account !== undefined && { account }),
              ...(typeof expires === 'string' && { expiresAt: readExpiry(expires, system.clock.now()) }),
              ...(Array.isArray(options.network) && { networks: options.network.map(String) }),
            },
            CLI,
          );
          output.result(added, () => added.token);
        }),
      ),
    );
}

const accountOf = ({ account }: Options): { readonly account?: string } =>
  typeof account === 'string' ? { account } : {};
