/** The log of logins: one's own, and for admins everybody's. */
import Type from 'typebox';
import { type LoginItem, listLogins } from '#admin/logins.ts';
import { APP_SCOPES } from '#store/credentials.ts';
import { accountOf } from '../callers.ts';
import { DEFAULT_LIMIT, page, readCursor } from '../paging.ts';
import type { Routes } from '../route.ts';
import { Id, Page, paging, Time } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const Credential = Type.Object({
  id: Type.String(),
  name: Type.Optional(Type.String({ description: 'Absent where it was removed since.' })),
});
const LoginLine = Type.Object(
  {
    id: Id,
    account: Type.Optional(Type.String({ description: 'Its address; absent where nobody has the name.' })),
    login: Type.String({
      description:
        'The name as it was tried. Where it is no address of ours it says only that: people type passwords there.',
    }),
    protocol: Type.Enum([...APP_SCOPES]),
    remote: Type.String({ description: 'Address of the client.' }),
    outcome: Type.Enum(['ok', 'refused']),
    appPassword: Type.Optional(Credential),
    token: Type.Optional(Credential),
    firstAt: Time,
    lastAt: Time,
    count: Type.Integer({ description: 'How often, from the first to the last.' }),
  },
  { title: 'LoginLine' },
);
const description =
  'Logins and refusals of IMAP, POP3, SMTP and REST, those that are alike within an hour in one line. Kept for 30 days, at most 500 lines an account. They stand there some seconds later.';

export function loginRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/account/logins',
    scope: 'account',
    tag: 'Account',
    summary: 'Who logged in to the account, or tried to, newest first',
    description,
    operationId: 'listOwnLogins',
    query: Type.Object({ ...paging }),
    response: Page(LoginLine),
    run: ({ caller, query, services }) => listed(services, query, accountOf(caller).id),
  });

  routes.add({
    method: 'GET',
    url: '/admin/logins',
    scope: 'admin:read',
    tag: 'Admin: audit',
    summary: 'Who logged in, or tried to, newest first',
    description: `${description} Of names that nobody has, the last 5,000.`,
    operationId: 'listLogins',
    query: Type.Object({ ...paging, account: Type.Optional(Id) }),
    response: Page(LoginLine),
    run: ({ query, services }) => listed(services, query, query.account),
  });
}

async function listed(
  services: RestServices,
  { limit = DEFAULT_LIMIT, cursor }: { readonly limit?: number; readonly cursor?: string },
  account: string | undefined,
): Promise<{ items: readonly LoginItem[]; next?: string }> {
  const before = readCursor(cursor, Id);
  const whose = account === undefined ? {} : { account };
  const found = await listLogins(services, { limit: limit + 1, ...(before !== undefined && { before }), ...whose });
  return page(found.items, limit, ({ id }) => id);
}
