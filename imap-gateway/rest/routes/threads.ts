/** Threads: conversations, in whichever mailboxes their messages are. */
import Type from 'typebox';
import { Content } from '../content.ts';
import { Key } from '../mail/listing.ts';
import { mailOf } from '../mail/mail.ts';
import { Thread, threadPage, WholeThread, wholeThread } from '../mail/threads.ts';
import { readCursor } from '../paging.ts';
import type { Routes } from '../route.ts';
import { IdParams, Page, paging } from '../schemas.ts';
import { searchQuery } from './messages.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

export function threadRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/threads',
    scope: 'mail:read',
    tag: 'Threads',
    summary: 'List or search threads',
    description:
      'By their newest message in the mailbox, or of what is found; `messages` and `unread` count all of the thread.',
    operationId: 'listThreads',
    query: Type.Object({ ...searchQuery, ...paging }),
    response: Page(Thread),
    produces: [],
    failures: ['bad-request', 'no-such-mailbox'],
    async run({ query, access, services, etag }) {
      const mail = mailOf(services);
      const { modseq } = await services.store.accountState(access);
      etag(`W/"${modseq.toString(36)}"`);
      const { cursor, ...asked } = query;
      const after = readCursor(cursor, Key);
      const body = await threadPage(mail, access, { ...asked, ...(after && { after }) });
      return new Content({ type: JSON_TYPE, body });
    },
  });

  routes.add({
    method: 'GET',
    url: '/threads/{id}',
    scope: 'mail:read',
    tag: 'Threads',
    summary: 'A thread with its messages',
    operationId: 'getThread',
    params: IdParams,
    response: WholeThread,
    produces: [],
    failures: ['no-such-message'],
    async run({ params, access, services, etag }) {
      const { text, tag } = await wholeThread(mailOf(services), access, params.id);
      etag(tag);
      return new Content({ type: JSON_TYPE, body: text });
    },
  });
}
