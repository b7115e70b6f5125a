/** Whether somebody is the owner of an account: its own password, and a code where it has a second factor. For the web session, and for what it must not do alone. */
import { MailError } from '#mail/failure.ts';
import { readAppPassword } from '#store/app-password.ts';
import type { Directory, Login } from '#store/directory.ts';
import type { Authenticator, Weighed } from './authenticator.ts';
import { noteLogin, refusalNoted } from './login-log.ts';
import { type CodeAnswer, type CodeRooms, checkCode } from './second-factor.ts';

export interface OwnerRooms extends CodeRooms {
  readonly auth: Pick<Authenticator, 'weigh'>;
  readonly directory: CodeRooms['directory'] & Pick<Directory, 'authenticate' | 'noteUse' | 'noteLogin'>;
}

export interface Given {
  readonly username: string;
  readonly password: string;
  readonly code?: string | undefined;
}

/** What the code came to is told to who has shown the right password. `login.appPassword` says that it was one of those: no code goes with it. */
export interface Proof {
  readonly login: Login;
  readonly code: CodeAnswer;
}

/**
 * Wrong passwords and wrong codes count alike (`authenticator.ts`); a code that is missing doesn't.
 * @throws MailError `bad-credentials` for a wrong password, after a delay; `limit-exceeded`, `not-permitted` as at a login.
 */
export async function proveOwner(rooms: OwnerRooms, given: Given, remote: string): Promise<Proof> {
  const proof = await rooms.auth.weigh(remote, given.username, () => weighed(rooms, given, remote));
  if (proof === undefined) throw new MailError('bad-credentials', 'Wrong user or password');
  const { appPassword } = proof.login;
  if (appPassword !== undefined) {
    rooms.directory.noteUse({ kind: 'app-password', id: appPassword, at: rooms.clock.now(), remote });
  }
  return proof;
}

async function weighed(rooms: OwnerRooms, given: Given, remote: string): Promise<Weighed<Proof | undefined>> {
  const attempt = { use: 'rest', remote, name: given.username } as const;
  const found = await refusalNoted(rooms, attempt, () => weigh(rooms, given));
  if (found.verdict !== 'open') noteLogin(rooms, attempt, found.verdict === 'right' ? found.answer?.login : undefined);
  return found;
}

async function weigh(rooms: OwnerRooms, { username, password, code }: Given): Promise<Weighed<Proof | undefined>> {
  const login = await loginOf(rooms.directory, username, password);
  if (login === undefined) return { verdict: 'wrong', answer: undefined };
  if (login.appPassword !== undefined) return { verdict: 'right', answer: { login, code: { kind: 'right' } } };
  const answer = await checkCode(rooms, login, code);
  const verdict = answer.kind === 'right' || answer.kind === 'wrong' ? answer.kind : 'open';
  const reason = answer.kind === 'wrong' ? 'a wrong code of the second factor' : undefined;
  return { verdict, answer: { login, code: answer }, reason };
}

/** The same work for every name: who has no password learns from the time neither whose an account is nor whether it has a second factor. */
async function loginOf(
  directory: OwnerRooms['directory'],
  username: string,
  password: string,
): Promise<Login | undefined> {
  const own = await directory.authenticate(username, password);
  if (own !== undefined || readAppPassword(password) === undefined) return own;
  return await directory.authenticate(username, password, 'rest');
}
