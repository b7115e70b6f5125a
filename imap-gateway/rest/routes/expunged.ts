/** What was expunged and is still retained, of one's own account; and the same of any account, for an admin. */
import Type from 'typebox';
import { accountAt } from '../admin/rooms.ts';
import { Cursor, Expunged, expungedPage, MOST_IDS, Restore, RestoredJson, restoreExpunged } from '../mail/expunged.ts';
import { readCursor } from '../paging.ts';
import type { Routes } from '../route.ts';
import { AccountParams, Page, paging, Time } from '../schemas.ts';

const LIST =
  'Those that are in no mailbox any more, the last that went first. Their content is kept for `store.expunged-retention` and can be brought back until then. ' +
  'A page may have fewer than `limit`; the list ends where there is no `next`.';
const BACK =
  `Those of \`ids\` (at most ${MOST_IDS}) in one commit, or all that went \`since\` a time. Each comes back into the mailbox that it went from, made anew if it is gone, or into \`mailbox\`: ` +
  'under a new UID, with its id, thread, date and keywords.';

const listQuery = Type.Object({ since: Type.Optional(Time), ...paging });

export function expungedRoutes(routes: Routes): void {
  const tag = 'Messages';
  routes.add({
    method: 'GET',
    url: '/expunged',
    scope: 'mail:read',
    tag,
    summary: 'List expunged messages that can be restored',
    description: LIST,
    operationId: 'listExpunged',
    query: listQuery,
    response: Page(Expunged),
    failures: ['bad-request'],
    run: ({ query, access, services }) => expungedPage(services, access, listOf(query)),
  });
  routes.add({
    method: 'POST',
    url: '/expunged/restore',
    scope: 'mail:write',
    tag,
    summary: 'Restore expunged messages',
    description: BACK,
    operationId: 'restoreExpunged',
    body: Restore,
    response: RestoredJson,
    failures: ['bad-request', 'no-such-mailbox', 'over-quota'],
    run: ({ body, access, services, signal }) => restoreExpunged(services, access, body, signal),
  });
}

export function adminExpungedRoutes(routes: Routes): void {
  const tag = 'Admin: accounts';
  routes.add({
    method: 'GET',
    url: '/admin/accounts/{id}/expunged',
    scope: 'admin',
    tag,
    summary: 'List expunged messages of an account that can be restored',
    description: LIST,
    operationId: 'listAccountExpunged',
    params: AccountParams,
    query: listQuery,
    response: Page(Expunged),
    failures: ['bad-request', 'no-such-account'],
    async run({ params, query, services }) {
      const { id } = await accountAt(services, params.id);
      return await expungedPage(services, { owner: id, viewer: id }, listOf(query));
    },
  });
  routes.add({
    method: 'POST',
    url: '/admin/accounts/{id}/expunged/restore',
    scope: 'admin',
    tag,
    summary: 'Restore expunged messages of an account',
    description: BACK,
    operationId: 'restoreAccountExpunged',
    params: AccountParams,
    body: Restore,
    response: RestoredJson,
    failures: ['bad-request', 'no-such-account', 'no-such-mailbox', 'over-quota'],
    async run({ params, body, services, signal }) {
      const { id } = await accountAt(services, params.id);
      return await restoreExpunged(services, { owner: id, viewer: id }, body, signal);
    },
  });
}

function listOf({ cursor, limit, since }: { cursor?: string; limit?: number; since?: string }) {
  const after = readCursor(cursor, Cursor);
  return {
    ...(limit !== undefined && { limit }),
    ...(since !== undefined && { since }),
    ...(after !== undefined && { after }),
  };
}
