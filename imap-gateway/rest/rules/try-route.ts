/** What would become of a message that is here, if it came again. */
import Type from 'typebox';
import { FilterList } from '#admin/filter-shapes.ts';
import { readFilters } from '#admin/filters.ts';
import { tryFilters } from '#admin/try-filters.ts';
import type { Routes } from '../route.ts';
import { EmailAddress, Id } from '../schemas.ts';
import { type Owner, paramsOf } from './owner.ts';

const Tried = Type.Object(
  {
    message: Id,
    sender: Type.Enum(['allowed', 'blocked', 'unlisted'], {
      description: 'What the account’s lists say of its sender.',
    }),
    matched: Type.Array(Type.Object({ id: Id, name: Type.String() })),
    place: Type.Enum(['address', 'mailbox', 'junk', 'trash', 'nowhere', 'refused'], {
      description: '`address`: as the address says, which is INBOX, mostly.',
    }),
    mailbox: Type.Optional(Id),
    keywords: Type.Array(Type.String()),
    forward: Type.Array(EmailAddress),
  },
  { title: 'TriedFilters' },
);

export function tryRoute(routes: Routes, owner: Owner): void {
  routes.add({
    method: 'POST',
    url: `${owner.url}/filters/test`,
    scope: owner.write,
    tag: owner.tag,
    summary: `What filters${owner.of} would do with a message`,
    description: 'Nothing is done. With `filters`, those are tried instead, in this order.',
    operationId: `try${owner.word}Filters`,
    params: paramsOf(owner),
    body: Type.Object(
      {
        message: Type.String({ minLength: 1, maxLength: 64, description: 'Its id.' }),
        filters: Type.Optional(FilterList.properties.items),
      },
      { additionalProperties: false },
    ),
    response: Tried,
    failures: ['no-such-message', 'no-such-mailbox', 'not-permitted'],
    async run(asked) {
      const { services, caller, body } = asked;
      owner.mayRead(caller);
      const address = await owner.address(asked);
      const filters = body.filters && (await readFilters(services, address, body.filters));
      return await tryFilters(services, { address, message: body.message, ...(filters && { filters }) });
    },
  });
}
