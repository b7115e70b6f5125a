/** Mailboxes: the tree, and what changes it. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import { isBelow } from '#store/names.ts';
import type { Access, Mailbox, MailboxList } from '#store/types.ts';
import { commit } from '../mail/commit.ts';
import { mailOf } from '../mail/mail.ts';
import { MailboxJson, mailboxJson, ROLES } from '../mail/mailbox-json.ts';
import { missingParents, newMailboxName } from '../mail/mailbox-names.ts';
import { page, readCursor } from '../paging.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { IdParams, Page, paging } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const Role = Type.Enum(ROLES.filter((role) => role !== 'inbox'));
const NAME = Type.String({ minLength: 1, maxLength: 1000, description: 'The whole path, levels separated by `/`.' });
const TAG = 'Mailboxes';

/** Moves with every change of the mailbox, and of the account's tree. */
const tagOf = (mailbox: Mailbox, list: MailboxList): string =>
  `W/"${mailbox.highestModseq.toString(36)}.${list.modseq.toString(36)}"`;

async function find(services: RestServices, access: Access, id: string) {
  const list = await services.store.mailboxes(access);
  const mailbox = list.mailboxes.find((one) => one.id === id);
  if (mailbox === undefined) throw new MailError('no-such-mailbox', 'There is no such mailbox');
  return { list, mailbox };
}

async function shown(services: RestServices, access: Access, id: string) {
  const { list, mailbox } = await find(services, access, id);
  return await mailboxJson(mailOf(services), access, mailbox, list);
}

export function mailboxRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/mailboxes',
    scope: 'mail:read',
    tag: TAG,
    summary: 'All mailboxes',
    description: 'In the order of their names, so that a parent stands before its children.',
    operationId: 'listMailboxes',
    query: Type.Object(paging),
    response: Page(MailboxJson),
    async run({ query, access, services, etag }) {
      const mail = mailOf(services);
      const list = await services.store.mailboxes(access);
      etag(`W/"${list.modseq.toString(36)}"`);
      const after = readCursor(query.cursor, Type.String());
      const { mailboxes } = list;
      const rest = after === undefined ? mailboxes : mailboxes.filter(({ name }) => name > after);
      const { items, next } = page(rest, query.limit, ({ name }) => name);
      const shown = await Promise.all(items.map((mailbox) => mailboxJson(mail, access, mailbox, list)));
      return { items: shown, ...(next !== undefined && { next }) };
    },
  });

  routes.add({
    method: 'GET',
    url: '/mailboxes/{id}',
    scope: 'mail:read',
    tag: TAG,
    summary: 'One mailbox',
    operationId: 'getMailbox',
    params: IdParams,
    response: MailboxJson,
    failures: ['no-such-mailbox'],
    async run({ params, access, services, etag }) {
      const { list, mailbox } = await find(services, access, params.id);
      etag(tagOf(mailbox, list));
      return await mailboxJson(mailOf(services), access, mailbox, list);
    },
  });

  routes.add({
    method: 'POST',
    url: '/mailboxes',
    scope: 'mail:write',
    tag: TAG,
    summary: 'Create a mailbox',
    description: 'Parents that are missing are created too.',
    operationId: 'createMailbox',
    body: Type.Object({
      name: NAME,
      role: Type.Optional(Role),
      subscribed: Type.Optional(Type.Boolean({ default: true })),
    }),
    response: MailboxJson,
    status: 201,
    failures: ['bad-request', 'exists'],
    async run({ body, access, services, head }) {
      const name = newMailboxName(body.name);
      const { mailboxes } = await services.store.mailboxes(access);
      const id = newId('mailbox', services.random);
      const { role } = body;
      await commit(services, access, [
        ...missingParents(mailboxes, name, services.random),
        { type: 'create-mailbox', id, name, ...(role && { role }) },
        ...(body.subscribed === false ? [] : [{ type: 'subscribe', name, subscribed: true } as const]),
      ]);
      head.header('location', `/api/v1/mailboxes/${id}`);
      return await shown(services, access, id);
    },
  });

  routes.add({
    method: 'PATCH',
    url: '/mailboxes/{id}',
    scope: 'mail:write',
    tag: TAG,
    summary: 'Rename, move, subscribe or give a role',
    description: 'Everything below moves along. INBOX keeps its name. Takes If-Match.',
    operationId: 'updateMailbox',
    params: IdParams,
    body: Type.Object({
      name: Type.Optional(NAME),
      role: Type.Optional(Type.Union([Role, Type.Null()])),
      subscribed: Type.Optional(Type.Boolean()),
    }),
    response: MailboxJson,
    failures: ['bad-request', 'exists', 'no-such-mailbox', 'not-permitted', 'precondition-failed'],
    async run({ params, body, access, services, etag, headers }) {
      const { list, mailbox } = await find(services, access, params.id);
      const demands = demandsOf(headers['if-match'], list);
      if (demands !== undefined) etag(tagOf(mailbox, list));
      const changes = mailboxChanges(services, list, mailbox, body);
      if (changes.length > 0) await commitAsSeen(services, access, changes, demands);
      return await shown(services, access, params.id);
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/mailboxes/{id}',
    scope: 'mail:write',
    tag: TAG,
    summary: 'Delete a mailbox and its messages',
    description: 'INBOX stays. Takes If-Match.',
    operationId: 'deleteMailbox',
    params: IdParams,
    query: Type.Object({
      children: Type.Optional(
        Type.Boolean({ description: 'Those below it too; without it, they are a refusal.', default: false }),
      ),
    }),
    failures: ['mailbox-has-children', 'no-such-mailbox', 'not-permitted', 'precondition-failed'],
    async run({ params, query, access, services, etag, headers }) {
      const { list, mailbox } = await find(services, access, params.id);
      const demands = demandsOf(headers['if-match'], list);
      if (demands !== undefined) etag(tagOf(mailbox, list));
      if (mailbox.name === 'INBOX') throw new MailError('not-permitted', 'INBOX can not be deleted');
      const below = list.mailboxes.filter(({ name }) => isBelow(name, mailbox.name));
      if (below.length > 0 && query.children !== true) {
        throw new MailError('mailbox-has-children', 'The mailbox has others below it');
      }
      const gone = [...below, mailbox];
      const changes = [
        ...gone.map(({ id }): Mutation => ({ type: 'delete-mailbox', mailbox: id })),
        ...gone
          .filter(({ name }) => list.subscribed.includes(name))
          .map(({ name }): Mutation => ({ type: 'subscribe', name, subscribed: false })),
      ];
      await commitAsSeen(services, access, changes, demands);
    },
  });
}

/** If-Match is judged twice: by what was read, and within the commit, should something come in between. */
function demandsOf(header: string | undefined, { modseq }: MailboxList): readonly Mutation[] | undefined {
  if (header === undefined) return undefined;
  return header.trim() === '*' ? [] : [{ type: 'require-account', since: modseq }];
}

async function commitAsSeen(
  services: RestServices,
  access: Access,
  changes: readonly Mutation[],
  demands: readonly Mutation[] = [],
): Promise<void> {
  try {
    await commit(services, access, [...demands, ...changes]);
  } catch (error) {
    if (demands.length === 0 || !(error instanceof MailError) || error.failure !== 'conflict') throw error;
    throw new HttpProblem('precondition-failed', 'It has changed since');
  }
}

function mailboxChanges(
  { random }: RestServices,
  { mailboxes, subscribed: names }: MailboxList,
  mailbox: Mailbox,
  body: { readonly name?: string; readonly role?: Mailbox['role'] | null; readonly subscribed?: boolean },
): Mutation[] {
  const changes: Mutation[] = [];
  let name = mailbox.name;
  if (body.name !== undefined && body.name !== name) {
    name = newMailboxName(body.name);
    if (mailbox.name === 'INBOX')
      throw new MailError('not-permitted', 'INBOX keeps its name: move its messages instead');
    if (isBelow(name, mailbox.name)) throw new HttpProblem('bad-request', 'A mailbox can not move below itself');
    changes.push(...missingParents(mailboxes, name, random));
    changes.push({ type: 'rename-mailbox', mailbox: mailbox.id, name, children: true });
    // Who moves a mailbox wants to see it where it is then.
    const moved = names.filter((one) => one === mailbox.name || isBelow(one, mailbox.name));
    for (const one of moved) {
      changes.push({ type: 'subscribe', name: one, subscribed: false });
      changes.push({ type: 'subscribe', name: name + one.slice(mailbox.name.length), subscribed: true });
    }
  }
  if (body.role !== undefined && body.role !== (mailbox.role ?? null)) {
    changes.push({ type: 'set-role', mailbox: mailbox.id, role: body.role });
  }
  if (body.subscribed !== undefined) changes.push({ type: 'subscribe', name, subscribed: body.subscribed });
  return changes;
}
