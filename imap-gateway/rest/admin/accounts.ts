/** Accounts, and what an admin sets of them. A path names an account by its address, or by its id, which a rename does not change. */
import Type from 'typebox';
import {
  renameAccount,
  resumeAccount,
  setAdmin,
  setForward,
  setMoved,
  suspendAccount,
} from '#admin/account-settings.ts';
import { addAccount, describeAccount, removeAccount, setPassword, setQuota, showAccount } from '#admin/accounts.ts';
import { addAppPassword, listAppPasswords, removeAppPassword } from '#admin/app-passwords.ts';
import type { Actor } from '#admin/rooms.ts';
import { APP_SCOPES } from '#store/credentials.ts';
import { by } from '../callers.ts';
import { page, readCursor } from '../paging.ts';
import { HttpProblem } from '../problems.ts';
import type { DeepReadonly, Routes } from '../route.ts';
import { AppPassword, Name, Password } from '../routes/credentials.ts';
import { AccountParams, EmailAddress, Id, Page, paging, Time } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { accountAt, accountTag, adminRooms } from './rooms.ts';

const Forward = Type.Object({ targets: Type.Array(EmailAddress, { minItems: 1, maxItems: 20 }), keep: Type.Boolean() });
const Moved = Type.Object({
  to: EmailAddress,
  how: Type.Enum(['forward', 'reject'], { description: '`reject`: mail is answered with 551 and the new address.' }),
});

const fields = {
  address: EmailAddress,
  id: Id,
  state: Type.Enum(['active', 'creating', 'removing']),
  createdAt: Time,
  suspended: Type.Optional(Type.Boolean()),
  admin: Type.Optional(Type.Boolean()),
  secondFactor: Type.Optional(Type.Boolean()),
  forward: Type.Optional(Forward),
  moved: Type.Optional(Moved),
};
const AccountItem = Type.Object(fields, { title: 'AccountItem' });
const AccountDetails = Type.Object(
  {
    ...fields,
    quota: Type.Optional(
      Type.Object({
        used: Type.Integer({ description: 'Octets.' }),
        limit: Type.Union([Type.Integer(), Type.Null()], { description: 'Octets; null where there is none.' }),
        messages: Type.Integer(),
      }),
    ),
    aliases: Type.Array(EmailAddress),
    appPasswords: Type.Integer(),
    tokens: Type.Integer(),
  },
  { title: 'AccountDetails' },
);

const Changes = Type.Object({
  address: Type.Optional(EmailAddress),
  alias: Type.Optional(
    Type.Boolean({ description: 'With a new address: the old one stays as an alias.', default: false }),
  ),
  suspended: Type.Optional(Type.Boolean()),
  admin: Type.Optional(Type.Boolean()),
  quota: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description: 'Octets; null: none.' })),
  forward: Type.Optional(Type.Union([Forward, Type.Null()])),
  moved: Type.Optional(Type.Union([Moved, Type.Null()])),
});

const tag = 'Admin: accounts';

export function adminAccountRoutes(routes: Routes): void {
  listRoute(routes);
  comeAndGo(routes);
  settingsRoutes(routes);
  appPasswordRoutes(routes);
}

function listRoute(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/accounts',
    scope: 'admin:read',
    tag,
    summary: 'All accounts, by address',
    operationId: 'listAccounts',
    query: Type.Object({
      ...paging,
      q: Type.Optional(Type.String({ maxLength: 320, description: 'A part of the address.' })),
    }),
    response: Page(AccountItem),
    async run({ query, services }) {
      const after = readCursor(query.cursor, Type.String());
      const part = query.q?.toLowerCase() ?? '';
      const items = (await services.directory.accounts())
        .filter(({ address }) => (after === undefined || address > after) && address.toLowerCase().includes(part))
        .sort((a, b) => (a.address < b.address ? -1 : 1))
        .map(describeAccount);
      return page(items, query.limit, ({ address }) => address);
    },
  });
}

function comeAndGo(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/admin/accounts',
    scope: 'admin',
    tag,
    summary: 'Make an account',
    operationId: 'addAccount',
    body: Type.Object({ address: EmailAddress, password: Password }),
    response: Type.Object({ address: EmailAddress, id: Id }),
    status: 201,
    failures: ['exists'],
    run: ({ body, services, caller }) => addAccount(adminRooms(services), body, by(caller)),
  });

  routes.add({
    method: 'GET',
    url: '/admin/accounts/{id}',
    scope: 'admin:read',
    tag,
    summary: 'One account',
    operationId: 'showAccount',
    params: AccountParams,
    response: AccountDetails,
    failures: ['no-such-account'],
    async run({ params, services, etag }) {
      const account = await accountAt(services, params.id);
      const shown = await showAccount(adminRooms(services), account.address);
      etag(accountTag(account, shown.quota?.used));
      return shown;
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/accounts/{id}',
    scope: 'admin',
    tag,
    summary: 'Remove an account with all its mail',
    operationId: 'removeAccount',
    params: AccountParams,
    failures: ['no-such-account'],
    async run({ params, services, caller }) {
      await removeAccount(adminRooms(services), (await accountAt(services, params.id)).address, by(caller));
    },
  });
}

function settingsRoutes(routes: Routes): void {
  routes.add({
    method: 'PATCH',
    url: '/admin/accounts/{id}',
    scope: 'admin',
    tag,
    summary: 'Change an account',
    description:
      'What is named is changed, one act after the other; the rest stays. A suspended account gets mail and lets nobody in.',
    operationId: 'changeAccount',
    params: AccountParams,
    body: Changes,
    response: AccountDetails,
    failures: ['no-such-account', 'exists'],
    async run({ params, body, services, caller }) {
      const { id, address } = await accountAt(services, params.id);
      await change(services, address, body, by(caller));
      return showAccount(adminRooms(services), (await accountAt(services, id)).address);
    },
  });

  routes.add({
    method: 'PUT',
    url: '/admin/accounts/{id}/password',
    scope: 'admin',
    tag,
    summary: 'Set a new password',
    description: 'Sessions of pages end; app passwords and tokens stay.',
    operationId: 'setAccountPassword',
    params: AccountParams,
    body: Type.Object({ password: Password }),
    failures: ['no-such-account'],
    async run({ params, body, services, caller }) {
      const { address } = await accountAt(services, params.id);
      await setPassword(services, { address, password: body.password }, by(caller));
    },
  });
}

/** The name comes last: all other acts go by it. */
async function change(
  services: RestServices,
  address: string,
  changes: DeepReadonly<Type.Static<typeof Changes>>,
  who: Actor,
): Promise<void> {
  const { suspended, admin, quota, forward, moved } = changes;
  const rooms = adminRooms(services);
  if (quota !== undefined) await setQuota(rooms, { address, bytes: quota }, who);
  if (admin !== undefined) await setAdmin(rooms, { address, admin }, who);
  if (forward !== undefined) await setForward(rooms, { address, ...(forward && { forward }) }, who);
  if (moved !== undefined) await setMoved(rooms, { address, ...(moved && { moved }) }, who);
  if (suspended === true) await suspendAccount(rooms, address, who);
  if (suspended === false) await resumeAccount(rooms, address, who);
  if (changes.address !== undefined) {
    await renameAccount(rooms, { address, to: changes.address, alias: changes.alias ?? false }, who);
  }
}

function appPasswordRoutes(routes: Routes): void {
  const url = '/admin/accounts/{id}/app-passwords';
  routes.add({
    method: 'GET',
    url,
    scope: 'admin:read',
    tag,
    summary: 'App passwords of an account',
    operationId: 'listAccountAppPasswords',
    params: AccountParams,
    response: Page(AppPassword),
    failures: ['no-such-account'],
    run: async ({ params, services }) => listAppPasswords(services, (await accountAt(services, params.id)).address),
  });

  routes.add({
    method: 'POST',
    url,
    scope: 'admin',
    tag,
    summary: 'Make an app password for an account',
    description: '`password` is shown this once.',
    operationId: 'addAccountAppPassword',
    params: AccountParams,
    body: Type.Object({
      name: Name,
      scopes: Type.Optional(Type.Array(Type.Enum([...APP_SCOPES]), { maxItems: APP_SCOPES.length, uniqueItems: true })),
    }),
    response: Type.Intersect([AppPassword, Type.Object({ password: Type.String() })]),
    status: 201,
    failures: ['no-such-account'],
    async run({ params, body, services, caller }) {
      const { address } = await accountAt(services, params.id);
      return addAppPassword(services, { address, name: body.name, scopes: body.scopes ?? [] }, by(caller));
    },
  });

  routes.add({
    method: 'DELETE',
    url: `${url}/{password}`,
    scope: 'admin',
    tag,
    summary: 'Remove an app password of an account',
    operationId: 'removeAccountAppPassword',
    params: Type.Object({ ...AccountParams.properties, password: Id }),
    failures: ['no-such-account', 'not-found'],
    async run({ params, services, caller }) {
      const { address } = await accountAt(services, params.id);
      const known = (await listAppPasswords(services, address)).items.some(({ id }) => id === params.password);
      if (!known) throw new HttpProblem('not-found', 'The account has no app password of this id');
      await removeAppPassword(services, { address, password: params.password }, by(caller));
    },
  });
}
