/** `peerpost account second-factor`. */
import type { Command } from 'commander';
import { removeSecondFactor, type SecondFactorState, showSecondFactor } from '#admin/second-factor.ts';
import { type Act, withSystem } from '../act.ts';
import { CLI } from '../system.ts';

export function addSecondFactorCommand(account: Command, act: Act): void {
  account
    .command('second-factor')
    .argument('<address>')
    .option('--remove', 'take it away from somebody who has lost the phone and the recovery codes')
    .description('show whether signing in to the web pages needs a code beside the password, or end that')
    .addHelpText(
      'after',
      `
Its owner turns it on, on the account page: the secret belongs to a phone, and nobody else ever sees it. While it is on,
mail programs need app passwords. After --remove the password alone opens the account: make sure that it is its owner
who asks, and set a new password where it may be known to others (\`peerpost account passwd\`).`,
    )
    .action(
      act((output, options, address: string) =>
        withSystem(options, async (system) => {
          const done = options.remove
            ? await removeSecondFactor(system, address, CLI)
            : await showSecondFactor(system, address);
          output.result(done, () => stateText(done));
        }),
      ),
    );
}

function stateText({ address, enabled, recoveryCodes }: SecondFactorState): string {
  if (!enabled) return `${address} has no second factor`;
  return `${address} has a second factor; ${recoveryCodes} recovery ${recoveryCodes === 1 ? 'code is' : 'codes are'} left`;
}
