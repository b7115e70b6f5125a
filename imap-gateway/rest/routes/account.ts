/** The caller's own account. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import type { Routes } from '../route.ts';
import { EmailAddress, Id, Time, time } from '../schemas.ts';

const Account = Type.Object(
  {
    id: Id,
    address: EmailAddress,
    admin: Type.Boolean({ description: 'May use /api/v1/admin.' }),
    createdAt: Time,
    quota: Type.Object({
      used: Type.Integer({ description: 'Octets of all messages.' }),
      limit: Type.Optional(Type.Integer({ description: 'Octets; absent where there is no limit.' })),
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
        createdAt: time(account.createdAt),
        quota: {
          used: state.usedBytes,
          ...(state.quotaBytes !== undefined && { limit: state.quotaBytes }),
          messages: state.usedMessages,
        },
      };
    },
  });
}
