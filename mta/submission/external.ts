/** Logins on the inner socket `submission`: only the service's own user can open it, so the peer is believed whom it acts as. */
import { AddressSyntaxError, parseAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import type { Directory, Login } from '#store/directory.ts';

/** The account of that address; `undefined` when there is none. Throws `not-permitted` when it is suspended. */
export async function loginAs(directory: Directory, identity: string): Promise<Login | undefined> {
  const address = addressOf(identity);
  if (address === undefined) return undefined;
  const found = await directory.lookup(address);
  if (found.kind !== 'account' && found.kind !== 'moved') return undefined;
  // `user+detail` is an address for mail, not a name for logins.
  if (found.kind === 'account' && found.detail !== undefined) return undefined;
  const account = await directory.account(found.account);
  if (account?.state !== 'active') return undefined;
  if (account.suspended) throw new MailError('not-permitted', 'The account is suspended');
  return { account: account.id, address: account.address };
}

function addressOf(identity: string): ReturnType<typeof parseAddress> | undefined {
  try {
    return parseAddress(identity);
  } catch (error) {
    if (error instanceof AddressSyntaxError) return undefined;
    throw error;
  }
}
