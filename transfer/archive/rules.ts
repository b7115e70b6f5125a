/** Filters, autoreply and sender lists on their way elsewhere. Mailboxes keep their ids, so filters go as they are. */
import { MailError } from '#mail/failure.ts';
import type { AccountRules } from '#store/account-rules.ts';
import type { By, Directory } from '#store/directory.ts';
import type { AccountId } from '#store/types.ts';

/** To spread: empty where there are none. */
export async function packRules(
  directory: Pick<Directory, 'account'>,
  account: AccountId,
): Promise<{ readonly rules?: AccountRules }> {
  // Lists of accounts leave them out.
  const { filters, autoreply, senders } = (await directory.account(account)) ?? {};
  const rules = { ...(filters && { filters }), ...(autoreply && { autoreply }), ...(senders && { senders }) };
  return Object.keys(rules).length > 0 ? { rules } : {};
}

/** @throws MailError `bad-request` for what are no rules, or rules that this account can't have. */
export async function addRules(
  { directory }: { readonly directory: Pick<Directory, 'change'> },
  id: AccountId,
  { filters, autoreply, senders }: AccountRules,
  by?: By,
): Promise<void> {
  try {
    if (filters !== undefined) await directory.change({ type: 'set-filters', id, filters }, by);
    if (autoreply !== undefined) await directory.change({ type: 'set-autoreply', id, autoreply }, by);
    if (senders !== undefined) await directory.change({ type: 'set-senders', id, senders }, by);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new MailError('bad-request', 'the filters, autoreply or sender lists can not be read', { cause: error });
  }
}
