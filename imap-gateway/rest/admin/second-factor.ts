/** The second factor of other people's accounts: whether it is on, and how it goes for who has lost the phone and the recovery codes. Nobody turns it on for somebody else. */

import Type from 'typebox';
import { removeSecondFactor, showSecondFactor } from '#admin/second-factor.ts';
import { by } from '../callers.ts';
import type { Routes } from '../route.ts';
import { SecondFactor } from '../routes/second-factor.ts';
import { AccountParams, EmailAddress } from '../schemas.ts';
import { accountAt } from './rooms.ts';

const AccountSecondFactor = Type.Intersect([Type.Object({ address: EmailAddress }), SecondFactor]);
const url = '/admin/accounts/{id}/second-factor';
const tag = 'Admin: accounts';

export function adminSecondFactorRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url,
    scope: 'admin:read',
    tag,
    summary: 'Whether an account has a second factor',
    operationId: 'getAccountSecondFactor',
    params: AccountParams,
    response: AccountSecondFactor,
    failures: ['not-found'],
    run: async ({ params, services }) => showSecondFactor(services, (await accountAt(services, params.id)).address),
  });

  routes.add({
    method: 'DELETE',
    url,
    scope: 'admin',
    tag,
    summary: 'Remove the second factor of somebody who is locked out',
    description: 'The password alone opens the account then: make sure that it is its owner who asks.',
    operationId: 'removeAccountSecondFactor',
    params: AccountParams,
    failures: ['not-found'],
    async run({ params, services, caller }) {
      await removeSecondFactor(services, (await accountAt(services, params.id)).address, by(caller));
    },
  });
}
