/** What takes its time in the caller's own account: mail taken over from elsewhere, all of it as one file, and the move to another peer. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import type { By } from '#store/directory.ts';
import { addressOf } from '#transfer/destination.ts';
import type { JobOrder, ShownJob } from '#transfer/jobs/job.ts';
import { Code, confirmPassword } from '../auth/confirm.ts';
import { accountOf, by, type Caller, permit } from '../callers.ts';
import type { Routes } from '../route.ts';
import type { RestServices } from '../services.ts';
import { checkUrl, guardedLookup } from '../webhooks/destination.ts';
import {
  ARCHIVE,
  archiveOf,
  credentialsOf,
  ImportBody,
  Job,
  JobParams,
  jobsOf,
  move,
  noJob,
  withPassword,
} from './schemas.ts';

const tag = 'Jobs';
const Current = Type.String({ minLength: 1, maxLength: 1024, description: 'The account’s own password.' });

export function ownJobRoutes(routes: Routes): void {
  importRoute(routes);
  exportRoute(routes);
  moveRoute(routes);
  watchRoutes(routes);
}

async function start(services: RestServices, caller: Caller, order: JobOrder): Promise<ShownJob> {
  const jobs = jobsOf(services);
  const account = await services.directory.account(accountOf(caller).id);
  if (account === undefined) throw new MailError('no-such-account', 'The account is no more');
  const who: By = by(caller);
  const job = await jobs.book.start(account, order, who);
  jobs.begin();
  return job;
}

function importRoute(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/imports',
    scope: 'mail:write',
    tag,
    summary: 'Take mail over from another server',
    description:
      'A job: it goes on when the peer restarts, and takes only what is new when it is started again. The password is kept until it has ended. The server must be one that everybody can reach, unless `webhook-networks` of the configuration allow another.',
    operationId: 'startOwnImport',
    body: ImportBody,
    response: Job,
    status: 202,
    failures: ['not-permitted', 'limit-exceeded', 'unsupported'],
    async run({ body, caller, services }) {
      const { from, mailboxes } = body;
      const credentials = credentialsOf(body);
      // A name that is not found now may be found later.
      await addressOf(from.host, guardedLookup(services.config.rest.webhookNetworks)).catch((error: unknown) => {
        if (!(error instanceof MailError) || error.failure !== 'unavailable') throw error;
      });
      return start(services, caller, {
        kind: 'import',
        from,
        credentials,
        guarded: true,
        ...(mailboxes && { mailboxes }),
      });
    },
  });
}

function exportRoute(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/exports',
    scope: 'mail:read',
    tag,
    summary: 'Put the whole account into one file',
    description:
      'A job; `docs/archive-format.md` says what is in the file, which is kept for 7 days. What checks the password goes in after the scope `account` and the password itself have been shown.',
    operationId: 'startOwnExport',
    body: Type.Object({ withPassword, current: Type.Optional(Current), code: Code }),
    response: Job,
    status: 202,
    failures: ['bad-credentials', 'second-factor-required', 'limit-exceeded', 'unsupported'],
    async run({ body, caller, services, exchange }) {
      const secret = body.withPassword ?? false;
      if (secret) {
        permit(caller, 'account');
        if (body.current === undefined) throw new MailError('bad-request', '`withPassword` needs `current`');
        await confirmPassword(services, caller, exchange, body.current, body.code);
      }
      return start(services, caller, { kind: 'export', withPassword: secret });
    },
  });
}

function moveRoute(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/moves',
    scope: 'account',
    tag,
    summary: 'Move to another peer',
    description:
      'A job: mail keeps coming and programs keep working until the end, when logins here are refused and the account opens there, with the same password, UIDs and flags. What fails on the way is tried again for 3 days. Cancelled after the account was closed, it stays closed: an admin lets it go on, or opens it again.',
    operationId: 'startOwnMove',
    body: Type.Object({ ...move, current: Current, code: Code }),
    response: Job,
    status: 202,
    failures: [
      'bad-credentials',
      'second-factor-required',
      'conflict',
      'not-permitted',
      'limit-exceeded',
      'unsupported',
    ],
    async run({ body, caller, services, exchange }) {
      const { as, token, how = 'forward' } = body;
      permit(caller, 'mail:read');
      const to = checkUrl(body.to, services.config.rest.webhookNetworks).origin;
      otherAddress(as, accountOf(caller).address);
      await confirmPassword(services, caller, exchange, body.current, body.code);
      return start(services, caller, { kind: 'move', to, as, how, token, guarded: true });
    },
  });
}

/** @throws MailError `bad-request`. */
export function otherAddress(as: string, address: string): void {
  if (as.toLowerCase() !== address.toLowerCase()) return;
  throw new MailError(
    'bad-request',
    'The address there must be another one: mail for the old address is sent after it',
  );
}

function watchRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/jobs',
    scope: 'mail:read',
    tag,
    summary: 'Jobs of the account, the last first',
    description: 'They are shown for 90 days after they have ended.',
    operationId: 'listOwnJobs',
    response: Type.Object({ items: Type.Array(Job) }),
    run: async ({ caller, services }) => ({
      items: await jobsOf(services).book.list({ account: accountOf(caller).address }),
    }),
  });

  routes.add({
    method: 'GET',
    url: '/jobs/{id}',
    scope: 'mail:read',
    tag,
    summary: 'How far a job is',
    operationId: 'showOwnJob',
    params: JobParams,
    response: Job,
    failures: ['not-found'],
    run: ({ params, caller, services }) => ownJob(services, caller, params.id),
  });

  routes.add({
    method: 'DELETE',
    url: '/jobs/{id}',
    scope: 'mail:write',
    tag,
    summary: 'Cancel a job',
    description: 'What was done stays. The archive of an export that has ended is removed.',
    operationId: 'cancelOwnJob',
    params: JobParams,
    response: Job,
    failures: ['not-found'],
    async run({ params, caller, services }) {
      const { book, files, begin } = jobsOf(services);
      const { account } = await ownJob(services, caller, params.id);
      const job = await book.cancel(params.id, account.id, by(caller));
      await files.remove(job.id);
      begin();
      return job;
    },
  });

  routes.add({
    method: 'GET',
    url: '/jobs/{id}/archive',
    scope: 'mail:read',
    tag,
    summary: 'The file that an export has made',
    operationId: 'getOwnArchive',
    params: JobParams,
    produces: [ARCHIVE],
    failures: ['not-found'],
    async run(request) {
      const { params, caller, services } = request;
      const job = await ownJob(services, caller, params.id);
      if (job.withPassword) permit(caller, 'account');
      return archiveOf(jobsOf(services), job, request);
    },
  });
}

/** @throws HttpProblem 404. */
async function ownJob(services: RestServices, caller: Caller, id: string): Promise<ShownJob> {
  const job = await jobsOf(services).book.get(accountOf(caller).id, id);
  if (job === undefined) throw noJob();
  return job;
}
