/** Who asks, and what that allows. */
import type { Login, Token, TokenScope } from '#store/directory.ts';
import type { Access, AccountId } from '#store/types.ts';
import { HttpProblem } from './problems.ts';

/** `any`: whoever is known. `none`: everybody, and nobody is asked who they are. */
export type Scope = TokenScope | 'any' | 'none';
/** Scopes of what belongs to an account: such a route has `access`. */
export type AccountScope = 'mail:read' | 'mail:write' | 'send' | 'account';

export interface Caller {
  /** For the audit log: the account's address, or `token:NAME` of a token that belongs to no account. */
  readonly actor: string;
  /** Absent for an admin's token of the peer itself. */
  readonly account?: {
    readonly id: AccountId;
    readonly address: string;
    readonly admin: boolean;
    readonly secondFactor: boolean;
  };
  readonly scopes: ReadonlySet<TokenScope>;
  /** `session`: by the cookie of somebody who signed in. */
  readonly how: 'token' | 'session' | 'password' | 'app-password';
  /** The token, also behind a session. */
  readonly token?: Token;
}

const ACCOUNT_SCOPES: readonly TokenScope[] = ['mail:read', 'mail:write', 'send', 'account'];
const APP_SCOPES: readonly TokenScope[] = ['mail:read', 'mail:write', 'send'];
const INCLUDES: { readonly [S in TokenScope]?: TokenScope } = { 'mail:write': 'mail:read', admin: 'admin:read' };

/** With what each scope includes: who may write mail may read it. */
export function scopeSet(scopes: readonly TokenScope[]): ReadonlySet<TokenScope> {
  const all = new Set(scopes);
  for (const scope of scopes) {
    const included = INCLUDES[scope];
    if (included !== undefined) all.add(included);
  }
  return all;
}

/** Whoever finds an app password on some device can read and send mail, and can't take the account over. */
export function passwordScopes(login: Login, admin: boolean): readonly TokenScope[] {
  if (login.appPassword !== undefined) return APP_SCOPES;
  return admin ? [...ACCOUNT_SCOPES, 'admin'] : ACCOUNT_SCOPES;
}

export function isAccountScope(scope: Scope): scope is AccountScope {
  return (ACCOUNT_SCOPES as readonly string[]).includes(scope);
}

/** @throws HttpProblem 401 for somebody unknown, 403 for a lack of scope. */
export function permit(caller: Caller | undefined, scope: Scope): void {
  if (scope === 'none') return;
  if (caller === undefined) {
    throw new HttpProblem('bad-credentials', 'Who asks? Send a token, sign in, or use Basic authentication');
  }
  if (scope !== 'any' && !caller.scopes.has(scope)) {
    throw new HttpProblem('not-permitted', `This needs the scope ${scope}`);
  }
}

/** Of a route with an account's scope. @throws HttpProblem 403 for a token that belongs to no account. */
export function accessOf(caller: Caller | undefined): Access {
  if (caller === undefined) throw new HttpProblem('bad-credentials', 'Who asks?');
  const { id } = accountOf(caller);
  return { owner: id, viewer: id };
}

/** For the audit log. */
export function by({ actor }: Caller): { readonly actor: string } {
  return { actor };
}

/** Of a route with an account's scope, where acts go by the address. @throws HttpProblem 403 as `accessOf`. */
export function accountOf({ account }: Caller): NonNullable<Caller['account']> {
  if (account === undefined) throw new HttpProblem('not-permitted', 'This token belongs to no account');
  return account;
}
