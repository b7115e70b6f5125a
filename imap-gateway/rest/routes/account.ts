/** The caller's own account. */
import Type from 'typebox';
import { setForward } from '#admin/account-settings.ts';
import { MailError } from '#mail/failure.ts';
import { accountOf, by, permit } from '../callers.ts';
import type { Routes } from '../route.ts';
import { EmailAddress, Id, Time, time } from '../schemas.ts';

const Forward = Type.Object(
  {
    targets: Type.Array(EmailAddress, { minItems: 1, maxItems: 20 }),
    keep: Type.Boolean({ description: 'Whether the mail stays here too.' }),
  },
  { title: 'Forward', additionalProperties: false },
);

const Account = Type.Object(
  {
    id: Id,
    address: EmailAddress,
    admin: Type.Boolean({ description: 'May use /api/v1/admin.' }),
    secondFactor: Type.Boolean({ description: 'Whether its password needs a code beside it.' }),
    createdAt: Time,
    forward: Type.Optional(Forward),
    moved: Type.Optional(
      Type.Object(
        { to: EmailAddress, how: Type.Enum(['forward', 'reject']) },
        { description: 'New mail goes to another address, or is refused with it; none is kept here.' },
      ),
    ),
    quota: Type.Object({
      used: Type.Integer({ description: 'Octets of all messages.' }),
      limit: Type.Union([Type.Integer(), Type.Null()], { description: 'Octets; null where there is none.' }),
      messages: Type.Integer(),
    }),
  },
  { title: 'Account' },
);

export function accountRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/account',
    scope: 'any',
    tag: 'Account',
    summary: 'The account that asks',
    operationId: 'getAccount',
    response: Account,
    failures: ['not-permitted'],
    async run({ caller, services }) {
      const known = caller.account;
      const account = known && (await services.directory.account(known.id));
      if (known === undefined || account === undefined) {
        throw new MailError('not-permitted', 'This token belongs to no account');
      }
      const state = await services.store.accountState({ owner: known.id, viewer: known.id });
      return {
        id: known.id,
        address: account.address,
        admin: known.admin,
        secondFactor: known.secondFactor,
        createdAt: time(account.createdAt),
        ...(account.forward && { forward: account.forward }),
        ...(account.moved && { moved: account.moved }),
        quota: {
          used: state.usedBytes,
          limit: state.quotaBytes ?? null,
          messages: state.usedMessages,
        },
      };
    },
  });

  routes.add({
    method: 'PUT',
    url: '/account/forward',
    scope: 'account',
    tag: 'Account',
    summary: 'Forward all mail that comes',
    operationId: 'setForward',
    body: Forward,
    response: Forward,
    async run({ body, caller, services }) {
      // Whom mail is sent on to reads it.
      permit(caller, 'mail:read');
      const forward = { targets: body.targets, keep: body.keep };
      const done = await setForward(services, { address: accountOf(caller).address, forward }, by(caller));
      return done.forward ?? forward;
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/account/forward',
    scope: 'account',
    tag: 'Account',
    summary: 'Forward no more',
    operationId: 'removeForward',
    async run({ caller, services }) {
      await setForward(services, { address: accountOf(caller).address }, by(caller));
    },
  });
}
