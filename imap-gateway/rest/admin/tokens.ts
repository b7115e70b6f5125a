/** Tokens of anybody, and of the peer itself. */
import Type from 'typebox';
import { addToken, listTokens, removeToken } from '#admin/tokens.ts';
import { TOKEN_SCOPES } from '#store/credentials.ts';
import { by } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Name, TokenItem, timeToCome } from '../routes/credentials.ts';
import { EmailAddress, IdParams, Page, Time } from '../schemas.ts';

const tag = 'Admin: tokens';
const Account = Type.Optional(Type.String({ ...EmailAddress, description: 'Absent: of the peer itself.' }));
const Item = Type.Intersect([TokenItem, Type.Object({ account: Account })]);

export function adminTokenRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/tokens',
    scope: 'admin:read',
    tag,
    summary: 'Tokens of everybody, or of one account',
    operationId: 'listAllTokens',
    query: Type.Object({ account: Type.Optional(EmailAddress) }),
    response: Page(Item),
    failures: ['no-such-account'],
    run: ({ query, services }) => listTokens(services, query),
  });

  routes.add({
    method: 'POST',
    url: '/admin/tokens',
    scope: 'admin',
    tag,
    summary: 'Make a token for an account, or of the peer itself',
    description: '`token` is shown this once.',
    operationId: 'addAnyToken',
    body: Type.Object({
      name: Name,
      account: Account,
      scopes: Type.Array(Type.Enum([...TOKEN_SCOPES]), { minItems: 1, maxItems: TOKEN_SCOPES.length }),
      expiresAt: Type.Optional(Time),
      networks: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 50 })),
    }),
    response: Type.Intersect([Item, Type.Object({ token: Type.String() })]),
    status: 201,
    failures: ['no-such-account'],
    run({ body, services, caller }) {
      const { expiresAt: wished, ...wanted } = body;
      const expiresAt = timeToCome(wished, services.clock.now());
      return addToken(services, { ...wanted, ...(expiresAt !== undefined && { expiresAt }) }, by(caller));
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/tokens/{id}',
    scope: 'admin',
    tag,
    summary: 'Remove a token',
    operationId: 'removeAnyToken',
    params: IdParams,
    failures: ['not-found'],
    async run({ params, services, caller }) {
      if ((await services.directory.tokenById(params.id)) === undefined)
        throw new HttpProblem('not-found', 'There is no token of this id');
      await removeToken(services, { token: params.id }, by(caller));
    },
  });
}
