/**
 * A code of an account's second factor (RFC 6238), or a recovery code in its place. Only who has shown the password is asked for one. Each counts once, also where
 * two workers are asked at the same moment: the directory takes a step or a recovery code from one of them alone.
 *
 * Six digits can be guessed: three of a million are right at any time. So wrong ones are counted by account, wherever they come from, besides the limits of
 * the address and the name: with 10 an hour and 30 a day, who has the password and tries all year round comes in with a chance of 1 in 30. Recovery codes can't be guessed, and
 * let the owner in while somebody else spends the tries.
 */
import { isTemporary } from '#mail/failure.ts';
import type { Coordination } from '#runtime/coordination.ts';
import type { Directory, DirectoryChange, Login } from '#store/directory.ts';
import { hashRecoveryCode, readRecoveryCode } from '#store/recovery-code.ts';
import { matchTotp, readTotpCode } from '#store/totp.ts';

export interface CodeRooms {
  readonly directory: Pick<Directory, 'secondFactor' | 'change'>;
  readonly coordination: Pick<Coordination, 'count'>;
  readonly clock: { now(): number };
}

export type CodeAnswer =
  /** `recoveryCodes` are left, after one of them was used. */
  | { readonly kind: 'right'; readonly recoveryCodes?: number; readonly step?: number }
  | { readonly kind: 'missing' | 'wrong' | 'too-many' };

const HOUR = 3_600_000;
/** Wrong codes of one account: at most so many within so long. */
export const CODE_LIMITS = [
  { name: 'hour', most: 10, windowMs: HOUR },
  { name: 'day', most: 30, windowMs: 24 * HOUR },
] as const;

/** Right without a code where the account has no second factor. */
export async function checkCode(rooms: CodeRooms, login: Login, code: string | undefined): Promise<CodeAnswer> {
  const { directory, clock } = rooms;
  const factor = await directory.secondFactor(login.account);
  if (factor === undefined) return { kind: 'right' };
  if (code === undefined || code.trim() === '') return { kind: 'missing' };
  const recovery = readRecoveryCode(code);
  if (recovery !== undefined) return useRecoveryCode(rooms, login, recovery);
  const digits = readTotpCode(code);
  if (digits === undefined) return { kind: 'wrong' };
  // Taken before it is looked at, and given back when it was right: guesses that come together are no more than those one after the other.
  if (!(await takeTry(rooms, login))) return { kind: 'too-many' };
  const step = matchTotp(factor.secret, digits, clock.now());
  if (step === undefined) return { kind: 'wrong' };
  // The next code and the one before may be right too; what comes after a later one doesn't count.
  const took = await taken(directory, { type: 'note-second-factor-step', id: login.account, step });
  if (!took) return { kind: 'wrong' };
  await giveBack(rooms, login);
  return { kind: 'right', step };
}

async function useRecoveryCode(rooms: CodeRooms, login: Login, text: string): Promise<CodeAnswer> {
  const { directory } = rooms;
  const { account: id, address } = login;
  const change = { type: 'use-recovery-code', id, hash: hashRecoveryCode(text, id) } as const;
  if (!(await taken(directory, change, address))) return { kind: 'wrong' };
  return { kind: 'right', recoveryCodes: (await directory.secondFactor(id))?.recovery.length ?? 0 };
}

/** False where it was used already, or never was there. @param actor for the audit log. */
async function taken(directory: Pick<Directory, 'change'>, change: DirectoryChange, actor?: string): Promise<boolean> {
  try {
    await directory.change(change, actor === undefined ? undefined : { actor });
    return true;
  } catch (error) {
    if (isTemporary(error)) throw error;
    return false;
  }
}

const keyOf = ({ account }: Login, name: string): string => `second-factor:${name}:${account}`;

async function takeTry(rooms: CodeRooms, login: Login): Promise<boolean> {
  const counts = await Promise.all(
    CODE_LIMITS.map(({ name, windowMs }) => rooms.coordination.count(keyOf(login, name), 1, windowMs)),
  );
  if (CODE_LIMITS.every(({ most }, i) => (counts[i] ?? 0) <= most)) return true;
  // What isn't looked at doesn't count: it ends by itself, however often somebody asks.
  await giveBack(rooms, login);
  return false;
}

async function giveBack(rooms: CodeRooms, login: Login): Promise<void> {
  await Promise.all(
    CODE_LIMITS.map(({ name, windowMs }) => rooms.coordination.count(keyOf(login, name), -1, windowMs)),
  );
}
