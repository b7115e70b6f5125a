/** Signing in by a page: a cookie, behind which a token of kind `session` stands. */
import Type from 'typebox';
import { hashToken, newToken } from '#store/app-password.ts';
import { newId } from '#store/ids.ts';
import { proveOwner } from '../../auth/owner.ts';
import { Code, requireCode } from '../auth/confirm.ts';
import { csrfToken, sessionCookie, sessionToken } from '../auth/cookie.ts';
import { passwordScopes } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { EmailAddress, Id } from '../schemas.ts';

const Session = Type.Object(
  {
    csrf: Type.Optional(
      Type.String({ description: 'To be sent as `X-CSRF-Token` with everything but GET. Only with a cookie.' }),
    ),
    account: Type.Optional(
      Type.Object({
        id: Id,
        address: EmailAddress,
        admin: Type.Boolean(),
        secondFactor: Type.Boolean({ description: 'Whether its password needs a code beside it.' }),
      }),
    ),
    scopes: Type.Array(Type.String()),
    recoveryCodes: Type.Optional(Type.Integer({ description: 'After one was used to sign in: how many are left.' })),
  },
  { title: 'Session' },
);

const SESSION_SECONDS = 14 * 86_400;

export function sessionRoutes(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/session',
    scope: 'none',
    tag: 'Session',
    summary: 'Sign in',
    description:
      'Sets the cookie of a session: HttpOnly, SameSite=Strict. For pages; programs use tokens. Where the account has a second factor, its password alone is answered with `second-factor-required`: ask again, with a code.',
    operationId: 'signIn',
    body: Type.Object({
      address: Type.String({ minLength: 1, maxLength: 320 }),
      password: Type.String({ minLength: 1, maxLength: 1024 }),
      code: Code,
    }),
    response: Session,
    status: 201,
    failures: ['bad-credentials', 'second-factor-required', 'limit-exceeded', 'not-permitted'],
    async run({ body, exchange, services, head }) {
      const { auth, clock, random, directory } = services;
      if (!exchange.secure) throw new HttpProblem('not-permitted', 'Passwords are accepted over TLS only');
      await auth.admit(exchange.remote);
      const given = { username: body.address, password: body.password, code: body.code };
      const { login, code } = await proveOwner(services, given, exchange.remote);
      requireCode(code);
      const account = await directory.account(login.account);
      const admin = account?.admin === true;
      const scopes = passwordScopes(login, admin);
      const text = newToken(random);
      await directory.change({
        type: 'add-token',
        token: {
          id: newId('token', random),
          name: 'session',
          account: login.account,
          kind: 'session',
          scopes,
          expiresAt: clock.now() + SESSION_SECONDS * 1000,
        },
        hash: hashToken(text) as Uint8Array,
      });
      head.header('set-cookie', sessionCookie(text, exchange.https, SESSION_SECONDS));
      const secondFactor = account?.secondFactor === true;
      return {
        csrf: csrfToken(text),
        account: { id: login.account, address: login.address, admin, secondFactor },
        scopes,
        ...(code.kind === 'right' && code.recoveryCodes !== undefined && { recoveryCodes: code.recoveryCodes }),
      };
    },
  });

  routes.add({
    method: 'GET',
    url: '/session',
    scope: 'any',
    tag: 'Session',
    summary: 'Who am I?',
    operationId: 'getSession',
    response: Session,
    run({ caller, headers, exchange }) {
      const cookie = caller.how === 'session' ? sessionToken(headers.cookie, exchange.https) : undefined;
      return {
        ...(cookie !== undefined && { csrf: csrfToken(cookie) }),
        ...(caller.account && { account: caller.account }),
        scopes: [...caller.scopes],
      };
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/session',
    scope: 'any',
    tag: 'Session',
    summary: 'Sign out',
    operationId: 'signOut',
    failures: ['bad-request'],
    async run({ caller, exchange, services, head }) {
      if (caller.how !== 'session' || caller.token === undefined) {
        throw new HttpProblem('bad-request', 'Only a session that a cookie stands for can be ended');
      }
      await services.directory.change({ type: 'remove-token', id: caller.token.id });
      head.header('set-cookie', sessionCookie(undefined, exchange.https, 0));
    },
  });
}
