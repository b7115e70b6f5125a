/** Who did what. */
import Type from 'typebox';
import { listAudit } from '#admin/audit.ts';
import { DEFAULT_LIMIT, page, readCursor } from '../paging.ts';
import type { Routes } from '../route.ts';
import { Id, Page, paging, Time } from '../schemas.ts';

export function adminAuditRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/audit',
    scope: 'admin:read',
    tag: 'Admin: audit',
    summary: 'What was changed and by whom, newest first',
    operationId: 'listAudit',
    query: Type.Object({
      ...paging,
      actor: Type.Optional(Type.String({ maxLength: 320 })),
      target: Type.Optional(Type.String({ maxLength: 320 })),
    }),
    response: Page(
      Type.Object(
        {
          id: Id,
          at: Time,
          actor: Type.String({ description: '`cli`, the address of an account, or `token:` and a name.' }),
          act: Type.String(),
          target: Type.String(),
          detail: Type.Optional(Type.Unsafe<object>({ type: 'object', additionalProperties: true })),
        },
        { title: 'AuditLine' },
      ),
    ),
    async run({ query, services }) {
      const { limit = DEFAULT_LIMIT, cursor, ...filter } = query;
      const before = readCursor(cursor, Id);
      const found = await listAudit(services, {
        ...filter,
        limit: limit + 1,
        ...(before !== undefined && { before }),
      });
      return page(found.items, limit, ({ id }) => id);
    },
  });
}
