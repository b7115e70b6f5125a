/** Jobs as they are asked for and shown. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import { JOB_KINDS, JOB_STATES, type ShownJob } from '#transfer/jobs/job.ts';
import type { Content } from '../content.ts';
import { serve } from '../mail/serve.ts';
import { HttpProblem } from '../problems.ts';
import type { DeepReadonly, RouteRequest } from '../route.ts';
import { EmailAddress, Id, Time } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const Count = Type.Integer();
const closed = { additionalProperties: false };

export const From = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 255 }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    secure: Type.Boolean({ description: 'TLS from the beginning; else STARTTLS.' }),
    user: Type.String({ minLength: 1, maxLength: 320 }),
  },
  closed,
);

export const ImportBody = Type.Object({
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
});

export const move = {
  to: Type.String({
    minLength: 1,
    maxLength: 2000,
    examples: ['https://mail.beta.test'],
    description: 'The other peer.',
  }),
  as: Type.String({ ...EmailAddress, description: 'The address there; the domain must be one of theirs.' }),
  token: Type.String({ minLength: 1, maxLength: 1000, description: 'Of an admin of the other peer.' }),
  how: Type.Optional(
    Type.Enum(['forward', 'reject'], {
      default: 'forward',
      description: 'Mail that still comes here afterwards is forwarded, or answered with 551 and the new address.',
    }),
  ),
};

export const withPassword = Type.Optional(
  Type.Boolean({
    default: false,
    description: 'What checks the password too, so that logins go on where it is restored.',
  }),
);

export const JobKind = Type.Enum([...JOB_KINDS]);
export const JobState = Type.Enum([...JOB_STATES]);

export const Progress = Type.Object(
  {
    octets: Count,
    failed: Count,
    failures: Type.Array(
      Type.Object({ path: Type.String(), uid: Count, code: Type.String(), message: Type.String() }),
      {
        description: 'Messages that could not be taken, or are damaged: the first 100.',
      },
    ),
    messages: Type.Optional(Count),
    total: Type.Optional(Count),
    changed: Type.Optional(Type.Integer({ description: 'Messages whose flags were followed.' })),
    copied: Type.Optional(Type.Integer({ description: 'Of an import: messages.' })),
    mailboxes: Type.Optional(
      Type.Array(
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
        { description: 'Of an import.' },
      ),
    ),
    phase: Type.Optional(Type.String({ description: 'Of a move: copy, switch, late, done.' })),
    pass: Type.Optional(Count),
  },
  { title: 'JobProgress' },
);

export const Job = Type.Object(
  {
    id: Id,
    kind: JobKind,
    state: JobState,
    account: Type.Object({ id: Id, address: EmailAddress }),
    by: Type.String({ description: 'Who asked for it.' }),
    createdAt: Time,
    endedAt: Type.Optional(Time),
    from: Type.Optional(From),
    mailboxes: Type.Optional(Type.Array(Type.String())),
    to: Type.Optional(Type.String()),
    as: Type.Optional(EmailAddress),
    how: Type.Optional(Type.Enum(['forward', 'reject'])),
    withPassword: Type.Optional(Type.Boolean()),
    archive: Type.Optional(
      Type.Object({ octets: Count, expiresAt: Time }, { description: 'Of an export: there to be fetched.' }),
    ),
    left: Type.Optional(
      Type.Array(Type.String(), { description: 'Of a restore: aliases that could not be taken over.' }),
    ),
    progress: Type.Optional(Progress),
    error: Type.Optional(
      Type.Object(
        { code: Type.String(), message: Type.String() },
        { description: 'Why it failed, or what it waits for.' },
      ),
    ),
  },
  { title: 'Job' },
);

export const JobParams = Type.Object({ id: Id });

export type Jobs = NonNullable<RestServices['jobs']>;

/** @throws MailError `unsupported` where nobody does jobs. */
export function jobsOf({ jobs }: RestServices): Jobs {
  if (jobs === undefined) throw new MailError('unsupported', 'Nobody does jobs here');
  return jobs;
}

export const noJob = (): HttpProblem => new HttpProblem('not-found', 'There is no job of this id');

/** One of the two. @throws MailError `bad-request`. */
export function credentialsOf({ password, token }: { readonly password?: string; readonly token?: string }) {
  if ((password === undefined) === (token === undefined)) {
    throw new MailError('bad-request', 'Give a password or a token');
  }
  return token === undefined ? { password: password as string } : { token };
}

export const ARCHIVE = 'application/zstd';

/** The file of an export that has ended, or a range of it. */
export async function archiveOf(
  { files }: Jobs,
  job: DeepReadonly<ShownJob>,
  { method, headers, head }: Pick<RouteRequest, 'method' | 'headers' | 'head'>,
): Promise<Content> {
  const found = job.archive && (await files.find(job.id));
  if (found === undefined) throw new HttpProblem('not-found', 'The job has no archive, or no more');
  const name = `${job.account.address.replace(/[^\w.@-]/g, '_')}.tar.zst`;
  return serve(
    {
      type: ARCHIVE,
      tag: `"${job.id}"`,
      length: async () => found.octets,
      cheapLength: true,
      read: (start, end) => files.read(job.id, start, end),
      headers: { 'content-disposition': `attachment; filename="${name}"`, etag: `"${job.id}"` },
    },
    method,
    headers,
    head,
  );
}
