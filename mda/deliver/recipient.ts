/** Whose mailbox a forward-path means. */
import { formatAddress } from '#mail/address.ts';
import type { Address, ForwardPath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import type { AccountRules } from '#store/account-rules.ts';
import type { Directory, Lookup } from '#store/directory.ts';
import type { AccountId } from '#store/types.ts';

/** One account that gets the message. */
export interface Target {
  readonly account: AccountId;
  /** The address that led here: the recipient's own, or the one that an alias named. It stands in Delivered-To. */
  readonly address: Address;
  /** `detail` of `user+detail`. */
  readonly detail?: string;
  /** What the account wants done with its mail; absent for most. */
  readonly rules?: AccountRules;
}

/** An accepted RCPT. */
export interface Recipient {
  readonly path: ForwardPath;
  /** The forward-path as it was sent, half of the commit id (STORE.md §2). */
  readonly sent: string;
  /** Each account once. At least one, unless the message goes on. */
  readonly targets: readonly Target[];
  /** An alias, a forward or a move leads away from here: our MTA gets the message for the whole recipient, and sees to everybody. */
  readonly onward?: true;
}

/** Alias after alias after alias; the MTA has expanded them already, but others may deliver here too. */
const MAX_ALIAS_STEPS = 100;

/**
 * @param expanded our own MTA hands it over: it has followed aliases and forwards already, so that an account is who it says, and nothing leaves again
 * but what is for somebody who has moved since.
 * @throws MailError `no-such-account` when the address is not ours or unknown, or an alias that leads there; `moved` when the account lives elsewhere now
 * and its mail doesn't follow.
 */
export async function findRecipient(directory: Directory, path: ForwardPath, expanded = false): Promise<Recipient> {
  const recipient = { path, sent: formatAddress(path.address) };
  const targets = new Map<AccountId, Target>();
  const seen = new Set<string>();
  const waiting = [path.address];
  for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
    const name = formatAddress(address).toLowerCase();
    if (seen.has(name)) continue;
    if (seen.size >= MAX_ALIAS_STEPS) throw new MailError('limit-exceeded', 'Too many aliases');
    seen.add(name);
    const found = await directory.lookup(address);
    // What is addressed elsewhere to begin with is none of our business.
    if (found.kind === 'foreign' && seen.size > 1 && !expanded) return { ...recipient, targets: [], onward: true };
    if (found.kind === 'alias') waiting.push(...found.targets);
    else if (found.kind === 'moved') {
      const to = followMove(found);
      // The MTA had asked before the account moved: it asks again.
      if (expanded && !(await directory.isLocalDomain(to.domain))) return { ...recipient, targets: [], onward: true };
      waiting.push(to);
    } else if (found.kind === 'account') {
      const forward = await followForward(directory, expanded ? undefined : found.forward);
      if (forward === 'away') return { ...recipient, targets: [], onward: true };
      if (forward.keeps && !targets.has(found.account)) targets.set(found.account, targetOf(found, address));
      waiting.push(...forward.onwards);
    } else throw new MailError('no-such-account', 'No such user here');
  }
  // Accounts that forward to one another: the first keeps it.
  if (targets.size === 0 && !expanded) return await findRecipient(directory, path, true);
  if (targets.size === 0) throw new MailError('no-such-account', 'No such user here');
  return { ...recipient, targets: [...targets.values()] };
}

function targetOf({ account, detail, rules }: Extract<Lookup, { kind: 'account' }>, address: Address): Target {
  return { account, address, ...(detail !== undefined && { detail }), ...(rules && { rules }) };
}

/** Where mail for who has moved goes on. */
function followMove(moved: Extract<Lookup, { kind: 'moved' }>): Address {
  if (moved.how === 'forward') return moved.to;
  throw new MailError('moved', `User has moved to <${formatAddress(moved.to)}>, please try it`);
}

type Forward = NonNullable<Extract<Lookup, { kind: 'account' }>['forward']>;

/** Accounts of ours get what is forwarded to them. Whatever leads further is for our MTA. */
async function followForward(
  directory: Directory,
  forward: Forward | undefined,
): Promise<{ readonly keeps: boolean; readonly onwards: readonly Address[] } | 'away'> {
  if (forward === undefined) return { keeps: true, onwards: [] };
  const found = await Promise.all(forward.targets.map((target) => directory.lookup(target)));
  if (found.some(({ kind }) => kind !== 'account' && kind !== 'unknown')) return 'away';
  const onwards = forward.targets.filter((_, i) => found[i]?.kind === 'account');
  return { keeps: forward.keep || onwards.length < forward.targets.length, onwards };
}
