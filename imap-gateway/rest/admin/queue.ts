/** Mail that waits to leave, and who is connected: what there is, and what can be done about it, to one or to many. */
import Type from 'typebox';
import { actOnQueue, listQueue, QUEUE_ACTS, showQueued } from '#admin/queue.ts';
import { disconnectSessions, listSessions } from '#admin/sessions.ts';
import { by } from '../callers.ts';
import { DEFAULT_LIMIT, page, readCursor } from '../paging.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams, Page, paging, Time } from '../schemas.ts';
import { adminRooms } from './rooms.ts';

const MOST_IDS = 1000;

const QueueRecipient = Type.Object({
  address: Type.String(),
  state: Type.String({
    description: '`pending`, or how it ended: `delivered`, `relayed`, `failed`, `expired`, `dropped`.',
  }),
  attempts: Type.Integer(),
  nextAttemptAt: Type.Optional(Time),
  lastAttemptAt: Type.Optional(Time),
  lastReply: Type.Optional(Type.String()),
  remoteMta: Type.Optional(Type.String()),
});
const QueueItem = Type.Object(
  {
    id: Id,
    from: Type.String({ description: '`<>` for reports.' }),
    size: Type.Integer({ description: 'Octets.' }),
    arrivedAt: Time,
    expiresAt: Time,
    held: Type.Boolean(),
    recipients: Type.Array(QueueRecipient),
  },
  { title: 'QueueItem' },
);
const queueFilter = {
  state: Type.Optional(Type.Enum(['held', 'waiting', 'deferred'], { description: '`deferred`: tried at least once.' })),
  domain: Type.Optional(Type.String({ maxLength: 255, description: 'Of a recipient that is still waiting.' })),
  sender: Type.Optional(Type.String({ maxLength: 320, description: 'An address, `<>`, or `@domain`.' })),
};
const sessionFilter = {
  login: Type.Optional(Type.String({ maxLength: 320 })),
  protocol: Type.Optional(Type.String({ maxLength: 32 })),
  remote: Type.Optional(Type.String({ maxLength: 64 })),
};
const Ids = Type.Array(Id, { minItems: 1, maxItems: MOST_IDS });
const Done = Page(Id);

export function adminQueueRoutes(routes: Routes): void {
  const tag = 'Admin: queue';
  routes.add({
    method: 'GET',
    url: '/admin/queue',
    scope: 'admin:read',
    tag,
    summary: 'What waits, oldest first',
    operationId: 'listQueue',
    query: Type.Object({ ...paging, ...queueFilter }),
    response: Page(QueueItem),
    async run({ query, services }) {
      const { limit = DEFAULT_LIMIT, cursor, ...filter } = query;
      const after = readCursor(cursor, Id);
      const found = await listQueue(services, filter, { limit: limit + 1, ...(after !== undefined && { after }) });
      return page(found.items, limit, ({ id }) => id);
    },
  });

  routes.add({
    method: 'GET',
    url: '/admin/queue/{id}',
    scope: 'admin:read',
    tag,
    summary: 'One message of the queue',
    operationId: 'showQueued',
    params: IdParams,
    response: QueueItem,
    failures: ['no-such-message'],
    run: ({ params, services }) => showQueued(services, params.id),
  });

  routes.add({
    method: 'POST',
    url: '/admin/queue/acts',
    scope: 'admin',
    tag,
    summary: 'Retry, hold, release or drop messages',
    description:
      'By `ids`, by `filter`, or `all`. Answers the ids of what was acted on. Of ids that are not there it says so, after the others were acted on. A dropped message leaves no report.',
    operationId: 'actOnQueue',
    body: Type.Object({
      act: Type.Enum([...QUEUE_ACTS]),
      ids: Type.Optional(Ids),
      filter: Type.Optional(Type.Object(queueFilter, { additionalProperties: false, minProperties: 1 })),
      all: Type.Optional(Type.Literal(true)),
    }),
    response: Done,
    failures: ['no-such-message'],
    run({ body, services, caller }) {
      const { act, ids, filter, all } = body;
      const what = one([ids, filter, all && ('all' as const)], 'ids, filter or all');
      return actOnQueue(adminRooms(services), { act, what }, by(caller));
    },
  });
}

export function adminSessionRoutes(routes: Routes): void {
  const tag = 'Admin: sessions';
  routes.add({
    method: 'GET',
    url: '/admin/sessions',
    scope: 'admin:read',
    tag,
    summary: 'Who is connected, longest first',
    operationId: 'listSessions',
    query: Type.Object(sessionFilter),
    response: Page(
      Type.Object(
        {
          id: Type.String(),
          program: Type.String(),
          protocol: Type.String(),
          remote: Type.String({ description: 'Address of the client, or `unix`.' }),
          since: Time,
          login: Type.Optional(Type.String()),
        },
        { title: 'LiveSession' },
      ),
    ),
    run: ({ query, services }) => listSessions(services, query),
  });

  routes.add({
    method: 'POST',
    url: '/admin/sessions/disconnect',
    scope: 'admin',
    tag,
    summary: 'End sessions',
    description: 'By `ids` or by `filter`. Clients hear BYE or 421 after what they have in hand; they may come back.',
    operationId: 'disconnectSessions',
    body: Type.Object({
      ids: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: MOST_IDS })),
      filter: Type.Optional(Type.Object(sessionFilter, { additionalProperties: false, minProperties: 1 })),
    }),
    response: Done,
    failures: ['not-found'],
    run({ body, services, caller }) {
      const { ids, filter } = body;
      one([ids, filter], 'ids or filter');
      return disconnectSessions(services, ids ? { ids } : { filter: filter ?? {} }, by(caller));
    },
  });
}

/** @throws HttpProblem 400 unless exactly one of them is given. */
function one<T>(choices: readonly (T | undefined)[], names: string): T {
  const given = choices.filter((choice) => choice !== undefined);
  const [found] = given;
  if (found === undefined || given.length > 1) throw new HttpProblem('bad-request', `Give one of ${names}`);
  return found;
}
