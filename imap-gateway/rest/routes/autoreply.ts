/** What an account answers by itself while its owner is away: one's own, and any account's for an admin. */
import Type from 'typebox';
import { setAutoreply, showAutoreply } from '#admin/autoreply.ts';
import { type Autoreply, MOST_AUTOREPLY_DAYS, MOST_AUTOREPLY_OCTETS } from '#store/account-rules.ts';
import { accountAt } from '../admin/rooms.ts';
import { accountOf, by, permit } from '../callers.ts';
import type { DeepReadonly, Routes } from '../route.ts';
import { AccountParams, Time } from '../schemas.ts';

const fields = {
  subject: Type.Optional(
    Type.String({ maxLength: 500, description: 'Without it: `Auto: ` and the subject of the message.' }),
  ),
  text: Type.String({ maxLength: MOST_AUTOREPLY_OCTETS }),
  html: Type.Optional(Type.String({ maxLength: MOST_AUTOREPLY_OCTETS })),
  from: Type.Optional(Time),
  until: Type.Optional(Time),
};
const days = Type.Integer({
  minimum: 1,
  maximum: MOST_AUTOREPLY_DAYS,
  description: 'A correspondent is answered once in so many days; at once again after a new text.',
});

const AutoreplyJson = Type.Object({ enabled: Type.Boolean(), ...fields, days }, { title: 'Autoreply' });
const AutoreplyInput = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ default: true })),
    ...fields,
    days: Type.Optional({ ...days, default: 7 }),
  },
  { title: 'AutoreplyInput', additionalProperties: false },
);

const RULES =
  'Only people are answered who have written to an address of the account itself (To or Cc): no lists, no programs, no reports, nothing that a filter takes for junk. ' +
  'Once for each correspondent, 60 in an hour at most (RFC 3834, RFC 5230).';

export function autoreplyRoutes(routes: Routes): void {
  const url = '/account/autoreply';
  const tag = 'Account';
  routes.add({
    method: 'GET',
    url,
    scope: 'account',
    tag,
    summary: 'The answer of who is away',
    operationId: 'getAutoreply',
    response: AutoreplyJson,
    run: async ({ caller, services }) => showAutoreply(services, accountOf(caller).address),
  });

  routes.add({
    method: 'PUT',
    url,
    scope: 'account',
    tag,
    summary: 'Answer while away',
    description: RULES,
    operationId: 'setAutoreply',
    body: AutoreplyInput,
    response: AutoreplyJson,
    async run({ body, caller, services }) {
      // It writes in the account's name.
      permit(caller, 'send');
      return setAutoreply(services, { address: accountOf(caller).address, autoreply: read(body) }, by(caller));
    },
  });

  routes.add({
    method: 'DELETE',
    url,
    scope: 'account',
    tag,
    summary: 'Answer nobody any more',
    operationId: 'removeAutoreply',
    async run({ caller, services }) {
      await setAutoreply(services, { address: accountOf(caller).address }, by(caller));
    },
  });
}

export function adminAutoreplyRoutes(routes: Routes): void {
  const url = '/admin/accounts/{id}/autoreply';
  const tag = 'Admin: accounts';
  routes.add({
    method: 'GET',
    url,
    scope: 'admin:read',
    tag,
    summary: 'What an account answers while its owner is away',
    operationId: 'getAccountAutoreply',
    params: AccountParams,
    response: AutoreplyJson,
    failures: ['not-found'],
    run: async ({ params, services }) => showAutoreply(services, (await accountAt(services, params.id)).address),
  });

  routes.add({
    method: 'PUT',
    url,
    scope: 'admin',
    tag,
    summary: 'Let an account answer while its owner is away',
    description: RULES,
    operationId: 'setAccountAutoreply',
    params: AccountParams,
    body: AutoreplyInput,
    response: AutoreplyJson,
    failures: ['not-found'],
    async run({ params, body, caller, services }) {
      const { address } = await accountAt(services, params.id);
      return setAutoreply(services, { address, autoreply: read(body) }, by(caller));
    },
  });

  routes.add({
    method: 'DELETE',
    url,
    scope: 'admin',
    tag,
    summary: 'Let an account answer nobody any more',
    operationId: 'removeAccountAutoreply',
    params: AccountParams,
    failures: ['not-found'],
    async run({ params, caller, services }) {
      const { address } = await accountAt(services, params.id);
      await setAutoreply(services, { address }, by(caller));
    },
  });
}

/** Times as the store keeps them. */
function read(given: DeepReadonly<Type.Static<typeof AutoreplyInput>>): Autoreply {
  const { enabled = true, from, until, ...rest } = given;
  return {
    ...rest,
    enabled,
    ...(from !== undefined && { from: Date.parse(from) }),
    ...(until !== undefined && { until: Date.parse(until) }),
  };
}
