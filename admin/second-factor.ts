/** The second factor of an account: its owner turns it on and off; an admin may take it from somebody who is locked out. */
import { MailError } from '#mail/failure.ts';
import type { Account } from '#store/directory.ts';
import { hashRecoveryCode, newRecoveryCodes } from '#store/recovery-code.ts';
import { accountNamed, endSessions } from './accounts.ts';
import type { Actor, AdminRooms } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory' | 'coordination' | 'random'>;

export interface SecondFactorState {
  readonly address: string;
  readonly enabled: boolean;
  /** Those that are left. */
  readonly recoveryCodes: number;
}

export async function showSecondFactor(
  rooms: Pick<AdminRooms, 'directory'>,
  address: string,
): Promise<SecondFactorState> {
  const account = await accountNamed(rooms, address);
  const factor = await rooms.directory.secondFactor(account.id);
  return { address: account.address, enabled: factor !== undefined, recoveryCodes: factor?.recovery.length ?? 0 };
}

/**
 * Whoever came in by the password alone comes in anew: sessions of pages end, but for `keep`, a token's id, and so does what mail programs have open. App
 * passwords and tokens go on.
 * @param args.step of the code that proved the secret to be where it belongs: it counts no more.
 * @returns recovery codes, which nobody can ever read again.
 */
export async function enableSecondFactor(
  rooms: Rooms,
  args: { readonly address: string; readonly secret: Uint8Array; readonly step: number; readonly keep?: string },
  by: Actor,
): Promise<readonly string[]> {
  const { directory } = rooms;
  const { address, secret, step, keep } = args;
  const account = await accountNamed(rooms, address);
  refuseWhereOn(account);
  const codes = await setFactor(rooms, account, secret, step, { ...by, act: 'enable-second-factor' });
  for (const { id, kind } of await directory.tokens(account.id)) {
    if (kind === 'session' && id !== keep) await directory.change({ type: 'remove-token', id });
  }
  // Over HTTP each request shows who it is from, and one of them waits for this answer.
  await endSessions(rooms, account.address, ['http', 'https']);
  return codes;
}

/** Those before work no longer. @param args.step of the code that allowed it. */
export async function renewRecoveryCodes(
  rooms: Pick<AdminRooms, 'directory' | 'random'>,
  args: { readonly address: string; readonly step?: number },
  by: Actor,
): Promise<readonly string[]> {
  const account = await accountNamed(rooms, args.address);
  const factor = await rooms.directory.secondFactor(account.id);
  if (factor === undefined) throw new MailError('conflict', `${account.address} has no second factor`);
  const step = Math.max(factor.lastStep, args.step ?? 0);
  return await setFactor(rooms, account, factor.secret, step, { ...by, act: 'renew-recovery-codes' });
}

/** The password alone opens the account again. */
export async function removeSecondFactor(
  rooms: Pick<AdminRooms, 'directory'>,
  address: string,
  by: Actor,
): Promise<SecondFactorState> {
  const account = await accountNamed(rooms, address);
  if (account.secondFactor) await rooms.directory.change({ type: 'remove-second-factor', id: account.id }, by);
  return { address: account.address, enabled: false, recoveryCodes: 0 };
}

/** @throws MailError `exists`. */
export function refuseWhereOn({ address, secondFactor }: Account): void {
  if (secondFactor) throw new MailError('exists', `${address} has a second factor already: remove it first`);
}

async function setFactor(
  { directory, random }: Pick<AdminRooms, 'directory' | 'random'>,
  { id }: Account,
  secret: Uint8Array,
  lastStep: number,
  by: Actor & { readonly act: string },
): Promise<readonly string[]> {
  const codes = newRecoveryCodes(random);
  const recovery = codes.map((code) => hashRecoveryCode(code, id));
  await directory.change({ type: 'set-second-factor', id, secret, recovery, lastStep }, by);
  return codes;
}
