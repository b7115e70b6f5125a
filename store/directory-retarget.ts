/** Whatever leads to an address (aliases, forwards, filters) leads to another one from now on. */

import { readAlias } from './directory-names.ts';
import { putAccount, type Rows } from './directory-requirements.ts';

/** @param replace what a target becomes; `undefined`: it stays. */
export function retarget(rows: Rows, replace: (target: string) => string | undefined): void {
  const replaced = (targets: readonly string[]): readonly string[] | undefined => {
    const changed = targets.map((target) => replace(target) ?? target);
    return changed.some((target, i) => target !== targets[i]) ? [...new Set(changed)] : undefined;
  };
  for (const alias of rows.aliases()) {
    const targets = replaced(alias.targets);
    if (targets !== undefined) rows.setAliasTargets(readAlias(alias.address).name, targets);
  }
  for (const account of rows.accounts()) {
    const targets = account.forward && replaced(account.forward.targets);
    if (account.forward && targets) putAccount(rows, { ...account, forward: { ...account.forward, targets } });
  }
  for (const { id, rules } of rows.accountRules()) {
    const filters = rules.filters?.map((filter) => {
      const forward = filter.then.forward && replaced(filter.then.forward);
      return forward === undefined ? filter : { ...filter, then: { ...filter.then, forward } };
    });
    if (filters?.some((filter, i) => filter !== rules.filters?.[i])) rows.putRules(id, { ...rules, filters });
  }
}
