/** Jobs of everybody, for admins; and accounts that come from archives. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import type { Account } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { makeSecret } from '#store/secret.ts';
import type { JobOrder, ShownJob } from '#transfer/jobs/job.ts';
import { keepArchive, startRestore } from '#transfer/jobs/restore.ts';
import { accountAt } from '../admin/rooms.ts';
import { by, type Caller } from '../callers.ts';
import { page, readCursor } from '../paging.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Password } from '../routes/credentials.ts';
import { AccountParams, EmailAddress, Id, IdParams, Page, paging, Time } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { otherAddress } from './own.ts';
import {
  ARCHIVE,
  archiveOf,
  credentialsOf,
  ImportBody,
  Job,
  JobKind,
  JobParams,
  JobState,
  type Jobs,
  jobsOf,
  move,
  noJob,
  withPassword,
} from './schemas.ts';

const tag = 'Admin: jobs';
const UPLOADS = ['application/x-tar', ARCHIVE, 'application/gzip', 'application/octet-stream'];

export function adminJobRoutes(routes: Routes): void {
  startRoutes(routes);
  restoreRoutes(routes);
  watchRoutes(routes);
}

async function start(services: RestServices, caller: Caller, account: Account, order: JobOrder): Promise<ShownJob> {
  const jobs = jobsOf(services);
  const job = await jobs.book.start(account, order, by(caller));
  jobs.begin();
  return job;
}

function startRoutes(routes: Routes): void {
  const started = {
    method: 'POST',
    scope: 'admin',
    tag,
    params: AccountParams,
    response: Job,
    status: 202,
  } as const;

  routes.add({
    ...started,
    url: '/admin/accounts/{id}/imports',
    summary: 'Take mail over from another server',
    description:
      'A job: it goes on when the peer restarts, and takes only what is new when it is started again. The password is kept until it has ended. The peer connects to whatever host it is told.',
    operationId: 'startImport',
    body: ImportBody,
    failures: ['no-such-account', 'limit-exceeded', 'unsupported'],
    async run({ params, body, services, caller }) {
      const { from, mailboxes } = body;
      const credentials = credentialsOf(body);
      const account = await accountAt(services, params.id);
      return start(services, caller, account, { kind: 'import', from, credentials, ...(mailboxes && { mailboxes }) });
    },
  });

  routes.add({
    ...started,
    url: '/admin/accounts/{id}/exports',
    summary: 'Put an account into one file',
    description: 'A job; `docs/archive-format.md` says what is in the file, which is kept for 7 days.',
    operationId: 'startExport',
    body: Type.Object({ withPassword }),
    failures: ['no-such-account', 'limit-exceeded', 'unsupported'],
    async run({ params, body, services, caller }) {
      const account = await accountAt(services, params.id);
      return start(services, caller, account, { kind: 'export', withPassword: body.withPassword ?? false });
    },
  });

  routes.add({
    ...started,
    url: '/admin/accounts/{id}/moves',
    summary: 'Move an account to another peer',
    description:
      'A job: mail keeps coming and programs keep working until the end, when logins here are refused and the account opens there, with the same password, UIDs and flags. What fails on the way is tried again for 3 days. Cancelled after the account was closed, it stays suspended: start the same move again, or resume the account.',
    operationId: 'startMove',
    body: Type.Object(move),
    failures: ['no-such-account', 'conflict', 'limit-exceeded', 'unsupported'],
    async run({ params, body, services, caller }) {
      const { as, token, how = 'forward' } = body;
      const account = await accountAt(services, params.id);
      otherAddress(as, account.address);
      return start(services, caller, account, { kind: 'move', to: originOf(body.to), as, how, token });
    },
  });
}

/** @throws MailError `bad-request`. */
function originOf(text: string): string {
  const url = URL.parse(text);
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url?.hostname ?? '');
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && loopback)) {
    throw new MailError('bad-request', '`to` is https://host[:port]: the token and all mail go there');
  }
  return url.origin;
}

function restoreRoutes(routes: Routes): void {
  const Archive = Type.Object(
    {
      id: Id,
      address: Type.String({ description: 'Whose it was.' }),
      createdAt: Time,
      messages: Type.Integer(),
      octets: Type.Integer({ description: 'Of its messages.' }),
      password: Type.Boolean({ description: 'What checks the password is in it.' }),
      expiresAt: Time,
    },
    { title: 'Archive' },
  );
  routes.add({
    method: 'POST',
    url: '/admin/archives',
    scope: 'admin',
    tag,
    summary: 'Send an archive',
    description:
      'A tar as `docs/archive-format.md` has it, also compressed by gzip or zstd. It goes to the disk as it comes and is read through: answered is what is whole to the last octet. It is kept for 7 days, for a restore.',
    operationId: 'uploadArchive',
    consumes: UPLOADS,
    limit: 'disk',
    response: Archive,
    status: 201,
    failures: ['bad-request', 'unavailable', 'unsupported'],
    run({ upload, services }) {
      if (upload === undefined) throw new HttpProblem('bad-request', 'The body is missing');
      return keepArchive(jobsOf(services).files, newId('outbox', services.random), upload.stream);
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/archives/{id}',
    scope: 'admin',
    tag,
    summary: 'Remove an archive that was sent',
    operationId: 'removeArchive',
    params: IdParams,
    failures: ['not-found', 'unsupported'],
    async run({ params, services }) {
      const { files } = jobsOf(services);
      if ((await files.find(params.id)) === undefined) throw new HttpProblem('not-found', 'There is no such archive');
      await files.remove(params.id);
    },
  });

  routes.add({
    method: 'POST',
    url: '/admin/restores',
    scope: 'admin',
    tag,
    summary: 'Make an account from an archive',
    description:
      'A job. `archive` is one that was sent, or the job of an export here. Nobody sees the account before all of it is in. Cancelled, it is removed again; where it fails it stays unseen until it is removed or restored again.',
    operationId: 'startRestore',
    body: Type.Object({
      archive: Type.String({ minLength: 1, maxLength: 64, description: 'Its id.' }),
      address: Type.Optional(Type.String({ ...EmailAddress, description: 'Absent: that of the archive.' })),
      password: Type.Optional(Password),
    }),
    response: Job,
    status: 202,
    failures: ['bad-request', 'exists', 'unsupported'],
    async run({ body, services, caller }) {
      const { book, files, begin } = jobsOf(services);
      const { archive, address, password } = body;
      const { store, directory, random, clock, config } = services;
      const messageSize = Number.POSITIVE_INFINITY;
      const rooms = { store, directory, random, clock, files, messageSize, shards: config.store.shards };
      const secret = password === undefined ? undefined : await makeSecret(password);
      const wanted = { archive, ...(address && { address }), ...(secret && { secret }) };
      const job = await startRestore(rooms, book, wanted, by(caller));
      begin();
      return job;
    },
  });
}

function watchRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/jobs',
    scope: 'admin:read',
    tag,
    summary: 'Jobs of all accounts, the last first',
    description: 'They are shown for 90 days after they have ended.',
    operationId: 'listJobs',
    query: Type.Object({
      ...paging,
      kind: Type.Optional(JobKind),
      state: Type.Optional(JobState),
      account: Type.Optional(EmailAddress),
    }),
    response: Page(Job),
    failures: ['no-such-account', 'unsupported'],
    async run({ query, services }) {
      const { limit, cursor, ...filter } = query;
      const after = readCursor(cursor, Type.Tuple([Type.String(), Type.String()]));
      const jobs = await jobsOf(services).book.list(filter);
      const rest = jobs.filter(({ createdAt, id }) => {
        return after === undefined || createdAt < after[0] || (createdAt === after[0] && id < after[1]);
      });
      return page(rest, limit, ({ createdAt, id }) => [createdAt, id]);
    },
  });

  routes.add({
    method: 'GET',
    url: '/admin/jobs/{id}',
    scope: 'admin:read',
    tag,
    summary: 'How far a job is',
    operationId: 'showJob',
    params: JobParams,
    response: Job,
    failures: ['not-found', 'unsupported'],
    run: ({ params, services }) => anyJob(jobsOf(services), params.id),
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/jobs/{id}',
    scope: 'admin',
    tag,
    summary: 'Cancel a job',
    description: 'What was done stays. The archive of an export that has ended is removed.',
    operationId: 'cancelJob',
    params: JobParams,
    response: Job,
    failures: ['not-found', 'unsupported'],
    async run({ params, services, caller }) {
      const jobs = jobsOf(services);
      const { account } = await anyJob(jobs, params.id);
      const job = await jobs.book.cancel(params.id, account.id, by(caller));
      await jobs.files.remove(job.id);
      jobs.begin();
      return job;
    },
  });

  routes.add({
    method: 'GET',
    url: '/admin/jobs/{id}/archive',
    scope: 'admin',
    tag,
    summary: 'The file that an export has made',
    operationId: 'getArchive',
    params: JobParams,
    produces: [ARCHIVE],
    failures: ['not-found', 'unsupported'],
    async run(request) {
      const jobs = jobsOf(request.services);
      return archiveOf(jobs, await anyJob(jobs, request.params.id), request);
    },
  });
}

/** @throws HttpProblem 404. */
async function anyJob({ book }: Jobs, id: string): Promise<ShownJob> {
  const job = await book.find(id);
  if (job === undefined) throw noJob();
  return job;
}
