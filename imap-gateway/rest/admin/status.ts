/** What runs, how it is, and its replacement by new processes. */
import Type from 'typebox';
import { restartPrograms, showStatus } from '#admin/status.ts';
import { by } from '../callers.ts';
import { Content } from '../content.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Time } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const Program = Type.Object({
  name: Type.String(),
  pid: Type.Integer(),
  since: Time,
  state: Type.Enum(['starting', 'ready', 'draining', 'gone']),
  connections: Type.Integer(),
  serves: Type.Array(Type.String(), { description: 'Inner sockets that it alone serves.' }),
});
const Listener = Type.Object({
  protocol: Type.String(),
  tls: Type.Enum(['none', 'starttls', 'implicit']),
  host: Type.Optional(Type.String()),
  port: Type.Optional(Type.Integer()),
  path: Type.Optional(Type.String()),
});
const Trouble = Type.Object({
  program: Type.String(),
  what: Type.String(),
  why: Type.Optional(Type.String()),
  times: Type.Integer(),
  lastAt: Time,
});
const Shard = Type.Object({
  shard: Type.Integer(),
  database: Type.Optional(Type.Object({ bytes: Type.Integer(), free: Type.Integer() })),
  segments: Type.Optional(Type.Object({ files: Type.Integer(), live: Type.Integer(), dead: Type.Integer() })),
  error: Type.Optional(Type.String()),
});
const Status = Type.Object(
  {
    version: Type.String(),
    programs: Type.Array(Program),
    supervisor: Type.Object({ pid: Type.Integer(), since: Time }),
    sessions: Type.Record(Type.String(), Type.Integer(), { description: 'Live sessions by protocol.' }),
    listeners: Type.Array(Listener),
    disk: Type.Object({ free: Type.Integer(), total: Type.Integer() }, { description: 'Octets.' }),
    troubles: Type.Array(Trouble, { description: 'Errors in the logs of the last hour, the newest first.' }),
    queue: Type.Object({
      messages: Type.Integer(),
      recipients: Type.Integer(),
      oldest: Type.Union([Time, Type.Null()]),
    }),
    store: Type.Object({ shards: Type.Array(Shard) }),
  },
  { title: 'Status' },
);
const tag = 'Admin: status';

export function adminStatusRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/status',
    scope: 'admin:read',
    tag,
    summary: 'What runs, what waits, and how much disk is left',
    operationId: 'getStatus',
    response: Status,
    failures: ['unavailable'],
    run: ({ services }) => showStatus({ queue: services.queue, ...peerOf(services) }),
  });

  routes.add({
    method: 'POST',
    url: '/admin/restart',
    scope: 'admin',
    tag,
    summary: 'Replace the running programs by new processes',
    description:
      'No connection is refused meanwhile, and this request is answered by the old process once the new ones serve.',
    operationId: 'restartPrograms',
    body: Type.Object({
      program: Type.Optional(Type.Enum(['mta', 'mda', 'imap-gateway'], { description: 'This one alone.' })),
    }),
    response: Type.Object({
      restarted: Type.Array(
        Type.Object({ name: Type.String(), pid: Type.Integer(), replaced: Type.Integer({ description: 'Its pid.' }) }),
      ),
    }),
    failures: ['not-found', 'unavailable'],
    run: ({ body, services, caller }) =>
      restartPrograms(
        { directory: services.directory, supervisor: peerOf(services).supervisor },
        body.program,
        by(caller),
      ),
  });

  routes.add({
    method: 'GET',
    url: '/admin/metrics',
    scope: 'admin:read',
    tag,
    summary: 'The figures of all programs, as Prometheus reads them',
    operationId: 'getMetrics',
    produces: ['text/plain'],
    failures: ['unavailable'],
    run: async ({ services }) =>
      new Content({ type: 'text/plain; version=0.0.4; charset=utf-8', body: await peerOf(services).figures() }),
  });
}

/** @throws HttpProblem 503 where no supervisor is, as in tests. */
function peerOf({ peer }: RestServices): NonNullable<RestServices['peer']> {
  if (peer === undefined) throw new HttpProblem('unavailable', 'Nothing runs that could tell');
  return peer;
}
