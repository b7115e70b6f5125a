/** What lets somebody into the account: its password, app passwords, tokens. Every change is an act of `#admin`, and stands in the audit log. */
import Type from 'typebox';
import { setPassword } from '#admin/accounts.ts';
import { addAppPassword, listAppPasswords, removeAppPassword } from '#admin/app-passwords.ts';
import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from '#admin/passwords.ts';
import { addToken, listTokens, removeToken } from '#admin/tokens.ts';
import { APP_SCOPES, TOKEN_SCOPES, type TokenScope } from '#store/credentials.ts';
import { Code, confirmPassword } from '../auth/confirm.ts';
import { accountOf, by, type Caller } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams, Page, Time } from '../schemas.ts';

export const AppPassword = Type.Object(
  {
    id: Id,
    name: Type.String(),
    scopes: Type.Array(Type.String(), { description: '`imap`, `pop3`, `smtp`, `rest`; empty for all of them.' }),
    createdAt: Time,
    lastUsedAt: Type.Optional(Time),
    lastUsedFrom: Type.Optional(Type.String()),
  },
  { title: 'AppPassword' },
);

export const TokenItem = Type.Object(
  {
    id: Id,
    name: Type.String(),
    scopes: Type.Array(Type.String()),
    createdAt: Time,
    expiresAt: Type.Optional(Time),
    networks: Type.Optional(Type.Array(Type.String())),
    lastUsedAt: Type.Optional(Time),
    lastUsedFrom: Type.Optional(Type.String()),
  },
  { title: 'Token' },
);

export const Name = Type.String({ minLength: 1, maxLength: 100, description: 'For people: which device or program.' });
export const Password = Type.String({ minLength: SHORTEST_PASSWORD, maxLength: LONGEST_PASSWORD });
const TokenScopes = Type.Array(Type.Enum([...TOKEN_SCOPES]), { minItems: 1, maxItems: TOKEN_SCOPES.length });

export function credentialRoutes(routes: Routes): void {
  passwordRoute(routes);
  appPasswordRoutes(routes);
  tokenRoutes(routes);
}

function passwordRoute(routes: Routes): void {
  routes.add({
    method: 'PUT',
    url: '/account/password',
    scope: 'account',
    tag: 'Account',
    summary: 'Change the password',
    description:
      'Needs the present one, and a code of the second factor where it is on. Sessions of pages end, but for the one that asks; app passwords and tokens stay.',
    operationId: 'setPassword',
    body: Type.Object({ current: Type.String({ minLength: 1, maxLength: 1024 }), code: Code, password: Password }),
    failures: ['second-factor-required'],
    async run({ body, caller, exchange, services }) {
      const { address } = accountOf(caller);
      await confirmPassword(services, caller, exchange, body.current, body.code);
      const keep = caller.how === 'session' ? caller.token?.id : undefined;
      await setPassword(
        services,
        { address, password: body.password, ...(keep !== undefined && { keep }) },
        by(caller),
      );
    },
  });
}

function appPasswordRoutes(routes: Routes): void {
  const tag = 'App passwords';
  routes.add({
    method: 'GET',
    url: '/account/app-passwords',
    scope: 'account',
    tag,
    summary: 'All app passwords',
    operationId: 'listAppPasswords',
    response: Page(AppPassword),
    run: ({ caller, services }) => listAppPasswords(services, accountOf(caller).address),
  });

  routes.add({
    method: 'POST',
    url: '/account/app-passwords',
    scope: 'account',
    tag,
    summary: 'Make an app password',
    description:
      '`password` is shown this once. It opens the mail, so that the caller needs `mail:write` and `send` too.',
    operationId: 'addAppPassword',
    body: Type.Object({
      name: Name,
      scopes: Type.Optional(Type.Array(Type.Enum([...APP_SCOPES]), { maxItems: APP_SCOPES.length, uniqueItems: true })),
    }),
    response: Type.Intersect([AppPassword, Type.Object({ password: Type.String() })]),
    status: 201,
    run({ body, caller, services }) {
      mayGive(caller, ['mail:write', 'send']);
      if (isBounded(caller)) {
        throw new HttpProblem('not-permitted', 'An app password would outlive the token, or be good elsewhere too');
      }
      const { address } = accountOf(caller);
      return addAppPassword(services, { address, name: body.name, scopes: body.scopes ?? [] }, by(caller));
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/account/app-passwords/{id}',
    scope: 'account',
    tag,
    summary: 'Remove an app password',
    operationId: 'removeAppPassword',
    params: IdParams,
    failures: ['not-found'],
    async run({ params, caller, services }) {
      const { address } = accountOf(caller);
      exists((await listAppPasswords(services, address)).items, params.id);
      await removeAppPassword(services, { address, password: params.id }, by(caller));
    },
  });
}

function tokenRoutes(routes: Routes): void {
  const tag = 'Tokens';
  routes.add({
    method: 'GET',
    url: '/account/tokens',
    scope: 'account',
    tag,
    summary: 'All tokens of the account',
    operationId: 'listTokens',
    response: Page(TokenItem),
    run: ({ caller, services }) => listTokens(services, { account: accountOf(caller).address }),
  });

  routes.add({
    method: 'POST',
    url: '/account/tokens',
    scope: 'account',
    tag,
    summary: 'Make a token',
    description: '`token` is shown this once. It can have no scope that the caller lacks.',
    operationId: 'addToken',
    body: Type.Object({
      name: Name,
      scopes: TokenScopes,
      expiresAt: Type.Optional(Time),
      networks: Type.Optional(
        Type.Array(Type.String({ maxLength: 64 }), {
          maxItems: 50,
          description: 'Where it may come from: `192.0.2.0/24`.',
        }),
      ),
    }),
    response: Type.Intersect([TokenItem, Type.Object({ token: Type.String() })]),
    status: 201,
    run({ body, caller, services }) {
      const { name, scopes, expiresAt, networks } = body;
      mayGive(caller, scopes);
      const bounds = withinBounds(caller, { expiresAt: timeToCome(expiresAt, services.clock.now()), networks });
      const wanted = { name, scopes, ...bounds };
      return addToken(services, { ...wanted, account: accountOf(caller).address }, by(caller));
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/account/tokens/{id}',
    scope: 'account',
    tag,
    summary: 'Remove a token',
    operationId: 'removeToken',
    params: IdParams,
    failures: ['not-found'],
    async run({ params, caller, services }) {
      const account = accountOf(caller).address;
      exists((await listTokens(services, { account })).items, params.id);
      await removeToken(services, { token: params.id, account }, by(caller));
    },
  });
}

/** Milliseconds. @throws HttpProblem 400 for a time that has passed. */
export function timeToCome(expires: string | undefined, now: number): number | undefined {
  const at = expires === undefined ? undefined : Date.parse(expires);
  if (at === undefined || at > now) return at;
  throw new HttpProblem('bad-request', 'expiresAt must be a time to come', {
    errors: [{ path: '/body/expiresAt', message: 'must be a time to come' }],
  });
}

/** Nobody makes a credential that may do more than the one in hand. */
function mayGive(caller: Caller, scopes: readonly TokenScope[]): void {
  const lacking = scopes.find((scope) => !caller.scopes.has(scope));
  if (lacking !== undefined)
    throw new HttpProblem('not-permitted', `This needs the scope ${lacking}, which would be given on`);
}

interface Bounds {
  readonly expiresAt?: number;
  readonly networks?: readonly string[];
}

const isBounded = ({ how, token }: Caller): boolean =>
  how === 'token' && (token?.expiresAt !== undefined || token?.networks !== undefined);

/** What a token makes ends with it at the latest, and is good nowhere else. @throws HttpProblem 403. */
function withinBounds(
  { how, token }: Caller,
  { expiresAt, networks }: { readonly expiresAt: number | undefined; readonly networks: readonly string[] | undefined },
): Bounds {
  const own: Bounds = how === 'token' && token !== undefined ? token : {};
  const ends = Math.min(expiresAt ?? Number.POSITIVE_INFINITY, own.expiresAt ?? Number.POSITIVE_INFINITY);
  const from = networks !== undefined && networks.length > 0 ? networks : own.networks;
  const elsewhere = from?.find((network) => own.networks !== undefined && !own.networks.includes(network));
  if (elsewhere !== undefined)
    throw new HttpProblem('not-permitted', `The token in hand is not good from ${elsewhere}`);
  return { ...(Number.isFinite(ends) && { expiresAt: ends }), ...(from && { networks: from }) };
}

function exists(items: readonly { readonly id: string }[], id: string): void {
  if (!items.some((item) => item.id === id)) throw new HttpProblem('not-found', 'The account has none of this id');
}
