/**
 * The second factor on its way to another peer, beside the password: without it the password alone would open the account there. Recovery codes stay behind,
 * since their hashes are made with the id of the account: new ones are made over there.
 */
import { MailError } from '#mail/failure.ts';
import type { By, Directory } from '#store/directory.ts';
import type { AccountId } from '#store/types.ts';
import type { ArchivedSecondFactor } from './manifest.ts';

/** To spread: empty where there is none. */
export async function packSecondFactor(
  directory: Pick<Directory, 'secondFactor'>,
  account: AccountId,
): Promise<{ readonly secondFactor?: ArchivedSecondFactor }> {
  const factor = await directory.secondFactor(account);
  if (factor === undefined) return {};
  return { secondFactor: { secret: Buffer.from(factor.secret).toString('base64'), lastStep: factor.lastStep } };
}

/**
 * Where the account has got another password it is in new hands, and stays without.
 * @param scram of the password that it belongs to.
 * @throws MailError `bad-request` for what is no second factor.
 */
export async function addSecondFactor(
  directory: Pick<Directory, 'change' | 'secret'>,
  id: AccountId,
  scram: { readonly salt: Uint8Array },
  { secret, lastStep }: ArchivedSecondFactor,
  by?: By,
): Promise<void> {
  const here = (await directory.secret(id))?.scram;
  if (here === undefined || Buffer.compare(here.salt, scram.salt) !== 0) return;
  if (typeof secret !== 'string' || typeof lastStep !== 'number')
    throw new MailError('bad-request', 'the second factor is not whole');
  const octets = new Uint8Array(Buffer.from(secret, 'base64'));
  await directory.change({ type: 'set-second-factor', id, secret: octets, recovery: [], lastStep }, by);
}
