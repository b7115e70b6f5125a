/** Mail in and out as files. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import { INBOX } from '#store/names.ts';
import type { Access, Mailbox } from '#store/types.ts';
import { exportMailbox, exportZip } from '#transfer/export.ts';
import { importMessages } from '#transfer/import-messages.ts';
import { Content } from '../content.ts';
import { flagOf, KEYWORD } from '../mail/keywords.ts';
import { downloadHeaders } from '../mail/serve.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Id, Time } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const FORMATS = { 'message/rfc822': 'eml', 'application/mbox': 'mbox', 'application/octet-stream': 'auto' } as const;
/** Of the messages that were refused. */
const MOST_REFUSALS = 1_000;
const MOST_TOLD = 10_000;

const Imported = Type.Object(
  {
    imported: Type.Integer(),
    refused: Type.Integer(),
    messages: Type.Array(
      Type.Object({ index: Type.Integer(), id: Id, threadId: Id, mailboxId: Id, uid: Type.Integer() }),
      { description: `In the order of the file; the first ${MOST_TOLD}.` },
    ),
    refusals: Type.Array(Type.Object({ index: Type.Integer(), code: Type.String(), detail: Type.String() })),
  },
  { title: 'Imported' },
);

async function find(services: RestServices, access: Access, id: string | undefined): Promise<Mailbox> {
  const { mailboxes } = await services.store.mailboxes(access);
  const found = mailboxes.find((mailbox) => (id === undefined ? mailbox.name === INBOX : mailbox.id === id));
  if (found === undefined) throw new MailError('no-such-mailbox', 'There is no such mailbox');
  return found;
}

export function mailTransferRoutes(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/messages',
    scope: 'mail:write',
    tag: 'Messages',
    summary: 'Import messages',
    description:
      'A message as it is (`message/rfc822`) or an mbox, as a stream; INBOX unless `mailbox` says otherwise. What can not be taken is told, and the rest goes on. With an `Idempotency-Key`, the same file again makes no second copies.',
    operationId: 'importMessages',
    query: Type.Object({
      mailbox: Type.Optional(Id),
      keywords: Type.Optional(
        Type.String({ maxLength: 2000, description: 'Separated by commas.', examples: ['$seen,$flagged'] }),
      ),
      receivedAt: Type.Optional(Time),
    }),
    consumes: Object.keys(FORMATS),
    limit: 'message',
    response: Imported,
    status: 201,
    failures: ['bad-request', 'no-such-mailbox', 'over-quota', 'too-large', 'unsupported-media-type'],
    async run({ query, upload, access, services, headers }) {
      if (upload === undefined) throw new HttpProblem('bad-request', 'The body is missing');
      const mailbox = await find(services, access, query.mailbox);
      const { store, random, clock, config } = services;
      const rooms = { store, random, clock, messageSize: config.limits.messageSize };
      const key = headers['idempotency-key'];
      const options = {
        format: FORMATS[upload.type as keyof typeof FORMATS],
        flags: flagsOf(query.keywords),
        ...(query.receivedAt !== undefined && { internalDate: { time: Date.parse(query.receivedAt), zone: 0 } }),
        ...(typeof key === 'string' && { commitId: commitIdOf(key) }),
      };
      const answer = { imported: 0, refused: 0, messages: [] as object[], refusals: [] as object[] };
      let first: MailError | undefined;
      for await (const one of importMessages(rooms, access, mailbox.id, upload.stream, options)) {
        const { index } = one;
        if (one.ok) {
          answer.imported++;
          const { message: id, thread: threadId, uid } = one;
          if (answer.messages.length < MOST_TOLD)
            answer.messages.push({ index, id, threadId, mailboxId: mailbox.id, uid });
        } else {
          answer.refused++;
          first ??= one.error;
          const { failure: code, message: detail } = one.error;
          if (answer.refusals.length < MOST_REFUSALS) answer.refusals.push({ index, code, detail });
        }
      }
      if (answer.imported === 0 && first !== undefined) throw first;
      return answer as never;
    },
  });

  routes.add({
    method: 'GET',
    url: '/export',
    scope: 'mail:read',
    tag: 'Messages',
    summary: 'Export mail',
    description: 'A mailbox as mbox, or a mailbox or everything as a zip of .eml files. A stream: it may be large.',
    operationId: 'exportMail',
    query: Type.Object({
      format: Type.Enum(['mbox', 'zip']),
      mailbox: Type.Optional(Id),
    }),
    produces: ['application/mbox', 'application/zip'],
    failures: ['bad-request', 'no-such-mailbox'],
    async run({ query: { format, mailbox: id }, access, services }) {
      const { store } = services;
      const type = `application/${format}`;
      const day = new Date(services.clock.now()).toISOString().slice(0, 10);
      if (id === undefined) {
        if (format === 'mbox') {
          const message = 'An mbox is of one mailbox: name it, or ask for a zip';
          throw new HttpProblem('bad-request', message, {
            errors: [{ path: '/query/mailbox', message: 'is missing' }],
          });
        }
        const { mailboxes } = await store.mailboxes(access);
        return new Content({ type, body: exportZip(store, access, mailboxes), headers: headersOf(`mail ${day}.zip`) });
      }
      const mailbox = await find(services, access, id);
      const name = `${mailbox.name.replaceAll('/', ' ')} ${day}.${format}`;
      return new Content({ type, body: exportMailbox(store, access, mailbox, format), headers: headersOf(name) });
    },
  });
}

const headersOf = (name: string): Record<string, string> => ({ ...downloadHeaders(name), 'cache-control': 'no-store' });

function flagsOf(keywords: string | undefined): string[] {
  const names = (keywords ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const pattern = new RegExp(KEYWORD);
  const wrong = names.find((name) => !pattern.test(name));
  if (wrong === undefined) return names.map(flagOf);
  const message = `${wrong} is no keyword`;
  throw new HttpProblem('bad-request', message, { errors: [{ path: '/query/keywords', message }] });
}

function commitIdOf(key: string): string {
  if (/^[\x21-\x7e]{1,200}$/.test(key)) return `rest-import:${key}`;
  throw new HttpProblem('bad-request', 'An Idempotency-Key has 1 to 200 printable characters');
}
