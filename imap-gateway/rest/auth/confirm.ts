/** Acts that a token or a session alone must not do: who asks for them proves to be the account's owner, by its own password and a code of its second factor. */
import Type from 'typebox';
import { proveOwner } from '../../auth/owner.ts';
import type { CodeAnswer } from '../../auth/second-factor.ts';
import type { Exchange } from '../../http/exchange.ts';
import { accountOf, type Caller } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { RestServices } from '../services.ts';

export const Code = Type.Optional(
  Type.String({
    maxLength: 40,
    description: 'Of the second factor, where there is one: six digits, or a recovery code.',
  }),
);

export const WRONG_CODE = 'The code is wrong, or was used already';

/** Wrong ones count as those of logins do. @throws MailError `bad-credentials`; HttpProblem 401 for the code, 403 for an app password. */
export async function confirmPassword(
  services: RestServices,
  caller: Caller,
  { remote }: Pick<Exchange, 'remote'>,
  password: string,
  code?: string,
): Promise<void> {
  await services.auth.admit(remote);
  const { address } = accountOf(caller);
  const proof = await proveOwner(services, { username: address, password, code }, remote);
  if (proof.login.appPassword !== undefined) {
    throw new HttpProblem('not-permitted', 'The account’s own password is needed, not an app password');
  }
  requireCode(proof.code);
}

/** @throws HttpProblem. */
export function requireCode({ kind }: CodeAnswer): void {
  if (kind === 'right') return;
  if (kind === 'missing') throw new HttpProblem('second-factor-required', 'A code of the second factor is needed too');
  const message =
    kind === 'wrong' ? WRONG_CODE : 'Too many wrong codes: wait an hour or, after many, a day; or use a recovery code';
  const errors = [{ path: '/body/code', message }];
  if (kind === 'wrong') throw new HttpProblem('bad-credentials', message, { errors });
  throw new HttpProblem('limit-exceeded', message, { errors, headers: { 'retry-after': '3600' } });
}
