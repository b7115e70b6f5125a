/** Whose mailbox a forward-path means. */
import { formatAddress } from '#mail/address.ts';
import type { Address, ForwardPath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import type { Directory } from '#store/directory.ts';
import type { AccountId } from '#store/types.ts';

/** One account that gets the message. */
export interface Target {
  readonly account: AccountId;
  /** The address that led here: the recipient's own, or the one that an alias named. It stands in Delivered-To. */
  readonly address: Address;
  /** `detail` of `user+detail`. */
  readonly detail?: string;
}

/** An accepted RCPT. */
export interface Recipient {
  readonly path: ForwardPath;
  /** The forward-path as it was sent, half of the commit id (STORE.md §2). */
  readonly sent: string;
  /** At least one; each account once. */
  readonly targets: readonly Target[];
}

/** Alias after alias after alias; the MTA has expanded them already, but others may deliver here too. */
const MAX_ALIAS_STEPS = 100;

/** @throws MailError `no-such-account` when the address is not ours, unknown, or an alias that leads (also) elsewhere: nothing leaves from here. */
export async function findRecipient(directory: Directory, path: ForwardPath): Promise<Recipient> {
  const targets = new Map<AccountId, Target>();
  const seen = new Set<string>();
  const waiting = [path.address];
  for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
    const name = formatAddress(address).toLowerCase();
    if (seen.has(name)) continue;
    if (seen.size >= MAX_ALIAS_STEPS) throw new MailError('limit-exceeded', 'Too many aliases');
    seen.add(name);
    const found = await directory.lookup(address);
    if (found.kind === 'alias') waiting.push(...found.targets);
    else if (found.kind === 'account') {
      const detail = found.detail === undefined ? {} : { detail: found.detail };
      if (!targets.has(found.account)) targets.set(found.account, { account: found.account, address, ...detail });
    } else throw new MailError('no-such-account', 'No such user here');
  }
  if (targets.size === 0) throw new MailError('no-such-account', 'No such user here');
  return { path, sent: formatAddress(path.address), targets: [...targets.values()] };
}
