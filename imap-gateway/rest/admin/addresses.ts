/** What happens with mail for an address. */
import Type from 'typebox';
import { resolveAddress } from '#admin/addresses.ts';
import type { Routes } from '../route.ts';
import { EmailAddress } from '../schemas.ts';

const Asked = Type.String({ minLength: 3, maxLength: 320, examples: ['sales@alpha.test'] });
const Targets = Type.Array(EmailAddress);
const AddressStep = Type.Object(
  {
    address: Type.String(),
    from: Type.Optional(Type.String({ description: 'What led here; absent for the address itself.' })),
    kind: Type.Enum(['account', 'alias', 'moved', 'unknown', 'foreign']),
    how: Type.Optional(
      Type.Enum(['name', 'detail', 'catch-all', 'role'], {
        description:
          '`detail`: by the name before `+`. `role`: `postmaster` or `abuse` of a domain that has none of its own.',
      }),
    ),
    domain: Type.Optional(Type.String({ description: 'Found there: the domain of the address is an alias of it.' })),
    account: Type.Optional(Type.Object({ id: Type.String(), address: EmailAddress })),
    detail: Type.Optional(Type.String()),
    targets: Type.Optional(Targets),
    forward: Type.Optional(Type.Object({ targets: Targets, keep: Type.Boolean() })),
    moved: Type.Optional(Type.Object({ to: EmailAddress, how: Type.Enum(['forward', 'reject']) })),
  },
  { title: 'AddressStep' },
);

export function adminAddressRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/addresses/{address}',
    scope: 'admin:read',
    tag: 'Admin: addresses',
    summary: 'What happens with mail for an address',
    description:
      'Aliases, forwards, moves and alias domains followed to their ends, as they are now. An address that nobody has is an answer too. Filters and sender lists of accounts are not looked at.',
    operationId: 'resolveAddress',
    params: Type.Object({ address: Asked }),
    response: Type.Object(
      {
        address: Type.String(),
        steps: Type.Array(AddressStep),
        accounts: Type.Array(EmailAddress, { description: 'Accounts that keep a copy.' }),
        elsewhere: Type.Array(Type.String(), { description: 'Addresses of others that it is sent on to.' }),
        refused: Type.Array(Type.String(), {
          description: 'Addresses of ours that nobody has, or who has it moved away.',
        }),
      },
      { title: 'ResolvedAddress' },
    ),
    run: ({ params, services }) => resolveAddress(services, params.address),
  });
}
