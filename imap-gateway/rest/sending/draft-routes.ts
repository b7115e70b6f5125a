/** Drafts: composed like what is sent, stored in their mailbox, sent later. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import { hasFlag } from '#store/flags.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, MessageId, ModSeq } from '#store/types.ts';
import { single } from '#store/uid-set.ts';
import { Content } from '../content.ts';
import { Key } from '../mail/listing.ts';
import { mailOf } from '../mail/mail.ts';
import { Message } from '../mail/message-json.ts';
import { messagePage } from '../mail/pages.ts';
import { ParsedMessage, parsedMessage } from '../mail/parsed.ts';
import { standingOf } from '../mail/standing.ts';
import { readCursor } from '../paging.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams, Page, paging } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { SCHEDULED } from './attempt.ts';
import { fromRequest } from './incoming.ts';
import type { Reference, Writer } from './letter.ts';
import { locate } from './originals.ts';
import { addMessage, type Place, placeOf } from './place.ts';
import { envelopeOf } from './raw.ts';
import { type ComposeRequest, DraftBody, SendDraftBody, Sent } from './schemas.ts';
import { answeredBefore, checkSendAt, idempotencyOf, limitMessages, submit } from './submit.ts';

/** What a draft answers or forwards, by its message id: its header alone doesn't say which of our messages that is. */
const DRAFT = 'draft';
const JSON_TYPE = 'application/json; charset=utf-8';
const Stored = Type.Object(
  { id: Type.Intersect([Id], { description: 'Of the draft as a message.' }) },
  { title: 'StoredDraft' },
);
const TAG = 'Drafts';

export function draftRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/drafts',
    scope: 'mail:read',
    tag: TAG,
    summary: 'List drafts',
    operationId: 'listDrafts',
    query: Type.Object(paging),
    response: Page(Message),
    produces: [],
    failures: ['bad-request'],
    async run({ access, services, query }) {
      const drafts = await placeOf(services.store, access, 'drafts', services.random);
      if (drafts.mutations.length > 0) return { items: [] };
      const { cursor, ...asked } = query;
      const after = readCursor(cursor, Key);
      const wanted = { ...asked, mailbox: drafts.id, ...(after && { after }) };
      return new Content({ type: JSON_TYPE, body: await messagePage(mailOf(services), access, wanted) });
    },
  });
  routes.add({
    method: 'GET',
    url: '/drafts/{id}',
    scope: 'mail:read',
    tag: TAG,
    summary: 'One draft',
    operationId: 'getDraft',
    params: IdParams,
    response: ParsedMessage,
    produces: [],
    failures: ['no-such-message'],
    async run({ access, services, params }) {
      await draftAt(services, access, params.id);
      const mail = mailOf(services);
      const standing = await standingOf(mail, access, params.id);
      const text = await parsedMessage(mail, access, standing, services.config.hostname);
      return new Content({ type: JSON_TYPE, body: text });
    },
  });
  routes.add({
    method: 'POST',
    url: '/drafts',
    scope: 'mail:write',
    tag: TAG,
    summary: 'Store a draft',
    operationId: 'createDraft',
    body: DraftBody,
    limit: 'message',
    status: 201,
    response: Stored,
    failures: ['bad-request', 'not-permitted', 'no-such-message', 'over-quota', 'too-large'],
    async run({ access, caller, services, body, head }) {
      const id = await put(services, { access, address: caller.account!.address }, body, []);
      head.header('location', `/api/v1/drafts/${id}`);
      return { id };
    },
  });
  routes.add({
    method: 'PUT',
    url: '/drafts/{id}',
    scope: 'mail:write',
    tag: TAG,
    summary: 'Replace a draft',
    description: 'A stored message never changes: the draft gets a new id, which is answered.',
    operationId: 'replaceDraft',
    params: IdParams,
    body: DraftBody,
    limit: 'message',
    response: Stored,
    failures: ['bad-request', 'conflict', 'not-permitted', 'no-such-message', 'over-quota', 'too-large'],
    async run({ access, caller, services, params, body }) {
      const removal = await removing(services, access, params.id);
      return { id: await put(services, { access, address: caller.account!.address }, body, removal) };
    },
  });
  routes.add({
    method: 'DELETE',
    url: '/drafts/{id}',
    scope: 'mail:write',
    tag: TAG,
    summary: 'Delete a draft',
    operationId: 'deleteDraft',
    params: IdParams,
    failures: ['conflict', 'no-such-message'],
    async run({ access, services, params }) {
      await commit(services, access, await removing(services, access, params.id));
    },
  });
  routes.add({
    method: 'POST',
    url: '/drafts/{id}/send',
    scope: 'send',
    tag: TAG,
    summary: 'Send a draft',
    operationId: 'sendDraft',
    params: IdParams,
    body: SendDraftBody,
    status: 202,
    response: Sent,
    failures: ['bad-request', 'conflict', 'not-permitted', 'no-such-message', 'rejected'],
    async run({ access, services, params, body, headers, head, exchange }) {
      const { store } = services;
      const idempotency = idempotencyOf(headers['idempotency-key'], 'draft', params.id, JSON.stringify(body));
      const request = { access, idempotency };
      const accepted = (await answeredBefore(services, request)) ?? (await send());
      head.header('location', `/api/v1/submissions/${accepted.id}`);
      return accepted;

      async function send() {
        checkSendAt(body, '/body/sendAt', services.clock.now());
        const { mailbox, uid } = await draftAt(services, access, params.id);
        await limitMessages(services, request, exchange.remote);
        const { row } = await locate(store, access, params.id, { headers: true });
        const envelope = await envelopeOf(row.headers!, services, access.owner);
        const known = await store.record(access, DRAFT, params.id);
        const reference = known && (JSON.parse(known.value) as Reference);
        const flags = ['\\Draft', '\\Seen', SCHEDULED];
        const mutations: Mutation[] = [{ type: 'set-flags', mailbox, uids: single(uid), change: 'add', flags }];
        if (known !== undefined) mutations.push({ type: 'remove-record', kind: DRAFT, id: params.id });
        return await submit(services, request, { envelope, options: body, reference, message: params.id, mutations });
      }
    },
  });
}

interface At {
  readonly mailbox: Place['id'];
  readonly uid: number;
  readonly modseq: ModSeq;
}

/** Where the draft is. @throws MailError `no-such-message` for what is no draft, `conflict` for one that waits to be sent. */
async function draftAt(services: RestServices, access: Access, id: MessageId, toChange = false): Promise<At> {
  const { store, random } = services;
  const drafts = await placeOf(store, access, 'drafts', random);
  const found = (await store.placements(access, [id])).find(({ mailbox }) => mailbox === drafts.id);
  if (found === undefined) throw new MailError('no-such-message', 'There is no such draft');
  const { flags, uids, flagSets, modseqs } = await store.snapshot(access, drafts.id);
  const index = uids.indexOf(found.uid);
  const set = flagSets[flags[index] ?? -1] ?? [];
  if (toChange && hasFlag(set, SCHEDULED))
    throw new MailError('conflict', 'The draft waits to be sent: take it back first');
  return { ...found, modseq: modseqs[index] ?? 0 };
}

async function removing(services: RestServices, access: Access, id: MessageId): Promise<Mutation[]> {
  const { mailbox, uid, modseq } = await draftAt(services, access, id, true);
  return [
    // Who sends it at the same moment, or writes it anew, was first.
    { type: 'require-unchanged', mailbox, uids: single(uid), since: modseq },
    { type: 'expunge', mailbox, uids: single(uid), onlyDeleted: false },
    { type: 'remove-record', kind: DRAFT, id },
  ];
}

async function put(
  services: RestServices,
  writer: Writer,
  request: ComposeRequest,
  removal: readonly Mutation[],
): Promise<MessageId> {
  const { store, random, clock, config } = services;
  const { access } = writer;
  const { octets, reference } = await fromRequest(services, writer, request);
  const place = await placeOf(store, access, 'drafts', random);
  const limit = config.limits.messageSize;
  const flags = ['\\Seen', '\\Draft'];
  const add = await addMessage({ store, random, access, limit }, octets, {
    mailbox: place.id,
    flags,
    now: clock.now(),
  });
  const { id } = add.message;
  const mutations: Mutation[] = [...removal, ...place.mutations, add];
  if (reference !== undefined) {
    mutations.push({ type: 'put-record', kind: DRAFT, id, value: JSON.stringify(reference) });
  }
  await commit(services, access, mutations);
  return id;
}

async function commit({ store, random }: RestServices, access: Access, mutations: readonly Mutation[]): Promise<void> {
  const id = newId('commit', random);
  const answer = await store.commit({ owner: access.owner, actor: access.viewer, id, mutations });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
}
