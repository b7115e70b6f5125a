/** Logins and refusals for the log that a user reads of the own account. A name is told as it was tried: the directory keeps none that may be a password. */
import { MailError } from '#mail/failure.ts';
import type { AppScope, Directory, Login } from '#store/directory.ts';

export interface LoginLogRooms {
  readonly directory: Pick<Directory, 'noteLogin'>;
  readonly clock: { now(): number };
}

export interface Attempt {
  readonly use: AppScope;
  readonly remote: string;
  readonly name: string;
}

/** @param login absent: refused. */
export function noteLogin({ directory, clock }: LoginLogRooms, attempt: Attempt, login: Login | undefined): void {
  const { use, remote, name } = attempt;
  const outcome = login === undefined ? 'refused' : 'ok';
  const { account, appPassword } = login ?? {};
  const whose = { ...(account !== undefined && { account }), ...(appPassword !== undefined && { appPassword }) };
  directory.noteLogin({ login: name, protocol: use, remote, outcome, at: clock.now(), ...whose });
}

/** Notes what `verify` comes to; the right password of a suspended account, which it throws for, is refused too. */
export async function noted(
  rooms: LoginLogRooms,
  attempt: Attempt,
  verify: () => Promise<Login | undefined>,
): Promise<Login | undefined> {
  const login = await refusalNoted(rooms, attempt, verify);
  noteLogin(rooms, attempt, login);
  return login;
}

/** Notes only what it throws. */
export async function refusalNoted<T>(rooms: LoginLogRooms, attempt: Attempt, verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch (error) {
    if (error instanceof MailError && error.failure === 'not-permitted') noteLogin(rooms, attempt, undefined);
    throw error;
  }
}
