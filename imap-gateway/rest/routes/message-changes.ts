/** Changing messages: flags, mailboxes, deleting; one or many. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import type { Access } from '#store/types.ts';
import { Content } from '../content.ts';
import { A_COMMIT, apply, remove } from '../mail/apply.ts';
import { Change, planOf } from '../mail/changes.ts';
import { type Mail, mailOf } from '../mail/mail.ts';
import { Message } from '../mail/message-json.ts';
import { idsOf, messageNow } from '../mail/pages.ts';
import { standings } from '../mail/standing.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { searchQuery } from './messages.ts';

const permanent = Type.Optional(Type.Boolean({ description: 'Do not keep it in the Trash.', default: false }));
const noSuchMessage = (): MailError => new MailError('no-such-message', 'There is no such message');

async function find(mail: Mail, access: Access, id: string) {
  const found = await standings(mail, access, [id]);
  const standing = found.get(id);
  if (standing === undefined) throw noSuchMessage();
  return { found, standing };
}

const Bulk = Type.Object({
  ids: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: A_COMMIT })),
  mailbox: searchQuery.mailbox,
  q: searchQuery.q,
  change: Type.Optional(Change),
  delete: Type.Optional(Type.Enum(['trash', 'permanent'])),
});

export function messageChangeRoutes(routes: Routes): void {
  routes.add({
    method: 'PATCH',
    url: '/messages/{id}',
    scope: 'mail:write',
    tag: 'Messages',
    summary: 'Change keywords, move or copy',
    description: 'In one commit. Takes If-Match.',
    operationId: 'updateMessage',
    params: IdParams,
    body: Change,
    response: Message,
    produces: [],
    failures: ['bad-request', 'no-such-mailbox', 'no-such-message', 'over-quota', 'precondition-failed'],
    async run({ params, body, access, services, etag, headers, head }) {
      const mail = mailOf(services);
      const plan = planOf(body);
      const { found, standing } = await find(mail, access, params.id);
      const conditional = headers['if-match'] !== undefined;
      if (conditional) etag(standing.tag);
      const asOf = conditional ? { asOf: found } : {};
      const now = (await apply(services, access, [params.id], plan, asOf)).get(params.id);
      const text = now && (await messageNow(mail, access, now));
      if (now === undefined || text === undefined) throw noSuchMessage();
      head.header('etag', now.tag);
      return new Content({ type: 'application/json; charset=utf-8', body: text });
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/messages/{id}',
    scope: 'mail:write',
    tag: 'Messages',
    summary: 'Delete a message',
    description: 'Into the Trash; from there, or with `permanent`, for good. Takes If-Match.',
    operationId: 'deleteMessage',
    params: IdParams,
    query: Type.Object({ permanent }),
    failures: ['no-such-message', 'precondition-failed'],
    async run({ params, query, access, services, etag, headers }) {
      const { found, standing } = await find(mailOf(services), access, params.id);
      const conditional = headers['if-match'] !== undefined;
      if (conditional) etag(standing.tag);
      await remove(services, access, found, query.permanent === true, conditional ? { asOf: found } : {});
    },
  });

  routes.add({
    method: 'POST',
    url: '/messages/bulk',
    scope: 'mail:write',
    tag: 'Messages',
    summary: 'Change or delete many messages',
    description: `By \`ids\`, all or nothing; or all that \`q\` and \`mailbox\` find, ${A_COMMIT} in each commit.`,
    operationId: 'changeMessages',
    body: Bulk,
    response: Type.Object({
      changed: Type.Integer({ description: 'Messages that are now as they were asked to be.' }),
      notFound: Type.Array(Id, { description: 'Of the `ids`.' }),
    }),
    failures: ['bad-request', 'no-such-mailbox', 'over-quota'],
    async run({ body, access, services }) {
      const act = actOf(services, access, body);
      const ids = body.ids ?? (await idsOf(mailOf(services), access, body));
      const notFound: string[] = [];
      let changed = 0;
      for (let at = 0; at < ids.length; at += A_COMMIT) {
        const some = ids.slice(at, at + A_COMMIT);
        const known = await act(some);
        changed += known.size;
        if (body.ids !== undefined) notFound.push(...some.filter((id) => !known.has(id)));
      }
      return { changed, notFound };
    },
  });
}

/** What is to be done with some messages; it answers those that there are. @throws HttpProblem 400 */
function actOf(
  services: RestServices,
  access: Access,
  body: { ids?: readonly string[]; q?: string; mailbox?: string; change?: Change; delete?: 'trash' | 'permanent' },
) {
  const byQuery = body.q !== undefined || body.mailbox !== undefined;
  if ((body.ids !== undefined) === byQuery) throw new HttpProblem('bad-request', 'Either ids, or q and mailbox');
  if ((body.change === undefined) === (body.delete === undefined)) {
    throw new HttpProblem('bad-request', 'Either change or delete');
  }
  const mail = mailOf(services);
  const plan = body.change && planOf(body.change);
  return async (ids: readonly string[]): Promise<ReadonlySet<string>> => {
    const found = await standings(mail, access, ids);
    if (plan === undefined) await remove(services, access, found, body.delete === 'permanent');
    else await apply(services, access, [...found.keys()], plan);
    return new Set(found.keys());
  };
}
