/** Mail that is taken over from another server, as jobs. For admins: the peer connects to whatever host it is told. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import type { ImportJob, ImportJobs } from '#transfer/jobs.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams, Time, time } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { accountById } from './rooms.ts';

const tag = 'Admin: imports';
const Count = Type.Integer();
const From = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 255 }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    secure: Type.Boolean({ description: 'TLS from the beginning; else STARTTLS.' }),
    user: Type.String({ minLength: 1, maxLength: 320 }),
  },
  { additionalProperties: false },
);

const Progress = Type.Object({
  mailboxes: Type.Array(
    Type.Object({
      path: Type.String(),
      mailbox: Type.String({ description: 'Its name here.' }),
      total: Count,
      seen: Count,
      copied: Count,
      changed: Count,
      failed: Count,
      done: Type.Boolean(),
    }),
  ),
  copied: Count,
  changed: Type.Integer({ description: 'Messages whose flags were followed.' }),
  failed: Count,
  octets: Count,
  failures: Type.Array(Type.Object({ path: Type.String(), uid: Count, code: Type.String(), message: Type.String() }), {
    description: 'The first 100.',
  }),
});

const Import = Type.Object(
  {
    id: Id,
    state: Type.Enum(['waiting', 'running', 'cancelling', 'done', 'failed', 'cancelled']),
    from: From,
    mailboxes: Type.Optional(Type.Array(Type.String())),
    created: Time,
    ended: Type.Optional(Time),
    progress: Type.Optional(Progress),
    error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  },
  { title: 'Import' },
);

const Params = Type.Object({ id: Id, job: Id });

function shown({ createdAt, endedAt, ...job }: ImportJob) {
  return { ...job, created: time(createdAt), ...(endedAt !== undefined && { ended: time(endedAt) }) };
}

async function accessTo(services: RestServices, id: string) {
  const account = await accountById(services, id);
  if (account.state !== 'active') throw new MailError('no-such-account', 'The account is not there yet, or no more');
  return { owner: account.id, viewer: account.id };
}

function jobs({ imports }: RestServices): ImportJobs {
  if (imports === undefined) throw new MailError('unsupported', 'Nobody runs imports here');
  return imports;
}

function known(job: ImportJob | undefined): ImportJob {
  if (job === undefined) throw new HttpProblem('not-found', 'There is no import of this id');
  return job;
}

export function adminImportRoutes(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/admin/accounts/{id}/imports',
    scope: 'admin',
    tag,
    summary: 'Take mail over from another server',
    description:
      'A job: it goes on when the peer restarts, and takes only what is new when it is started again. The password is kept until it has ended.',
    operationId: 'startImport',
    params: IdParams,
    body: Type.Object({
      from: From,
      password: Type.Optional(Type.String({ minLength: 1, maxLength: 10_000 })),
      token: Type.Optional(
        Type.String({ minLength: 1, maxLength: 100_000, description: 'OAuth 2, in place of a password.' }),
      ),
      mailboxes: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 1000 }), {
          minItems: 1,
          maxItems: 1000,
          description: 'Only these of theirs.',
        }),
      ),
    }),
    response: Import,
    status: 202,
    failures: ['no-such-account', 'unsupported'],
    async run({ params, body, services }) {
      const { from, password, token, mailboxes } = body;
      if ((password === undefined) === (token === undefined)) {
        throw new MailError('bad-request', 'Give a password or a token');
      }
      const credentials = token === undefined ? { password: password as string } : { token };
      const access = await accessTo(services, params.id);
      return shown(await jobs(services).start(access, { from, credentials, ...(mailboxes && { mailboxes }) }));
    },
  });

  routes.add({
    method: 'GET',
    url: '/admin/accounts/{id}/imports',
    scope: 'admin:read',
    tag,
    summary: 'Imports of an account, the last first',
    operationId: 'listImports',
    params: IdParams,
    response: Type.Object({ items: Type.Array(Import) }),
    async run({ params, services }) {
      return { items: (await jobs(services).list(await accessTo(services, params.id), 200)).map(shown) };
    },
  });

  routes.add({
    method: 'GET',
    url: '/admin/accounts/{id}/imports/{job}',
    scope: 'admin:read',
    tag,
    summary: 'How far an import is',
    operationId: 'showImport',
    params: Params,
    response: Import,
    async run({ params, services }) {
      return shown(known(await jobs(services).get(await accessTo(services, params.id), params.job)));
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/accounts/{id}/imports/{job}',
    scope: 'admin',
    tag,
    summary: 'Cancel an import',
    description: 'What was taken stays.',
    operationId: 'cancelImport',
    params: Params,
    response: Import,
    async run({ params, services }) {
      return shown(known(await jobs(services).cancel(await accessTo(services, params.id), params.job)));
    },
  });
}
