/** Acts that a token or a session alone must not do: who asks for them proves to know the account's own password. */
import type { Exchange } from '../../http/exchange.ts';
import { accountOf, type Caller } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { RestServices } from '../services.ts';

/** Wrong ones count as those of logins do. @throws MailError `bad-credentials`; HttpProblem 403 for an app password. */
export async function confirmPassword(
  { auth }: Pick<RestServices, 'auth'>,
  caller: Caller,
  { remote }: Pick<Exchange, 'remote'>,
  password: string,
): Promise<void> {
  await auth.admit(remote);
  const { address } = accountOf(caller);
  const login = await auth.finish({ kind: 'password', username: address, password, authzid: '' }, remote);
  if (login.appPassword !== undefined) {
    throw new HttpProblem('not-permitted', 'The account’s own password is needed, not an app password');
  }
}
