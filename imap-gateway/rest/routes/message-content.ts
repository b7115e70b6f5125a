/** One message: parsed, as it came, its HTML, its parts. */
import Type from 'typebox';
import type { Columns } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { Content } from '../content.ts';
import { htmlHeaders, htmlOf } from '../mail/html.ts';
import { type Mail, mailOf } from '../mail/mail.ts';
import { attachmentsOf, ParsedMessage, parsedMessage } from '../mail/parsed.ts';
import { partOf, wholeMessage } from '../mail/part.ts';
import { rowOf } from '../mail/reading.ts';
import { serve } from '../mail/serve.ts';
import { standingOf } from '../mail/standing.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams } from '../schemas.ts';

const OCTETS = ['application/octet-stream'];
const PARTS: Columns = { headers: true, parts: true, bodystructure: true };

async function find(mail: Mail, access: Access, id: string, columns: Columns) {
  const { placements, tag } = await standingOf(mail, access, id);
  const place = placements[0]!;
  return { place, tag, row: await rowOf(mail, access, place, columns) };
}

export function messageContentRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/messages/{id}',
    scope: 'mail:read',
    tag: 'Messages',
    summary: 'One message, parsed',
    operationId: 'getMessage',
    params: IdParams,
    response: ParsedMessage,
    produces: [],
    failures: ['no-such-message'],
    async run({ params, access, services, etag }) {
      const mail = mailOf(services);
      const standing = await standingOf(mail, access, params.id);
      etag(standing.tag);
      const body = await parsedMessage(mail, access, standing, services.config.hostname);
      return new Content({ type: 'application/json; charset=utf-8', body });
    },
  });

  routes.add({
    method: 'GET',
    url: '/messages/{id}/raw',
    scope: 'mail:read',
    tag: 'Messages',
    summary: 'A message as it came',
    description: 'Octet for octet; takes Range.',
    operationId: 'getRawMessage',
    params: IdParams,
    produces: ['message/rfc822'],
    failures: ['no-such-message', 'range-not-satisfiable'],
    async run({ params, access, services, etag, method, headers, head }) {
      const mail = mailOf(services);
      const { place, row } = await find(mail, access, params.id, { headers: true });
      const served = wholeMessage(mail, access, place, row);
      etag(served.tag);
      return await serve(served, method, headers, head);
    },
  });

  routes.add({
    method: 'GET',
    url: '/messages/{id}/html',
    scope: 'mail:read',
    tag: 'Messages',
    summary: 'The HTML of a message, safe to show in a frame',
    description:
      'Sandboxed by its Content-Security-Policy: no scripts, no forms, nothing loaded from elsewhere unless `remote=true`. Pictures of the message itself are in it.',
    operationId: 'getMessageHtml',
    params: IdParams,
    query: Type.Object({
      remote: Type.Optional(Type.Boolean({ description: 'Load remote pictures and styles.', default: false })),
    }),
    produces: ['text/html'],
    failures: ['no-such-message', 'not-found'],
    async run({ params, query, access, services, etag }) {
      const mail = mailOf(services);
      const { place, row } = await find(mail, access, params.id, PARTS);
      const remote = query.remote === true;
      etag(`"${row.message}.html${remote ? '.remote' : ''}"`);
      const body = await htmlOf(mail, access, place, row, remote);
      if (body === undefined) throw new HttpProblem('not-found', 'The message has no HTML');
      return new Content({ type: 'text/html; charset=utf-8', body, headers: htmlHeaders(remote) });
    },
  });

  routes.add({
    method: 'GET',
    url: '/messages/{id}/parts/{path}',
    scope: 'mail:read',
    tag: 'Messages',
    summary: 'A part of a message, decoded',
    description: 'Always as a download; takes Range.',
    operationId: 'getMessagePart',
    params: Type.Object({
      id: Id,
      path: Type.String({ pattern: '^[1-9]\\d{0,4}(\\.[1-9]\\d{0,4}){0,30}$', examples: ['1.2'] }),
    }),
    produces: OCTETS,
    failures: ['no-such-message', 'not-found', 'range-not-satisfiable'],
    async run({ params, access, services, etag, method, headers, head }) {
      const mail = mailOf(services);
      const { place, row } = await find(mail, access, params.id, PARTS);
      const served = partOf(mail, access, place, row, params.path);
      etag(served.tag);
      return await serve(served, method, headers, head);
    },
  });

  routes.add({
    method: 'GET',
    url: '/messages/{id}/attachments/{n}',
    scope: 'mail:read',
    tag: 'Messages',
    summary: 'An attachment, decoded',
    description: 'By its place in `attachments`, from 0; takes Range.',
    operationId: 'getAttachment',
    params: Type.Object({ id: Id, n: Type.Integer({ minimum: 0, maximum: 9999 }) }),
    produces: OCTETS,
    failures: ['no-such-message', 'not-found', 'range-not-satisfiable'],
    async run({ params, access, services, etag, method, headers, head }) {
      const mail = mailOf(services);
      const { place, row } = await find(mail, access, params.id, PARTS);
      const attachment = attachmentsOf(row)[params.n];
      if (attachment === undefined) throw new HttpProblem('not-found', 'The message has no such attachment');
      const served = partOf(mail, access, place, row, attachment.path);
      etag(served.tag);
      return await serve(served, method, headers, head);
    },
  });
}
