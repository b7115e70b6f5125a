/** What was sent, and what came of it. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { TrackedRecipient } from '#store/queue.ts';
import type { Access } from '#store/types.ts';
import { single } from '#store/uid-set.ts';
import { page, readCursor } from '../paging.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams, Page, paging } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { SCHEDULED } from './attempt.ts';
import { Submission } from './schemas.ts';
import { submissionJson } from './status.ts';
import { type Kept, keptOf, putSubmission, readSubmission, SUBMISSION } from './submission.ts';

const Key = Type.Tuple([Type.Integer(), Id]);
const DEFAULT = 50;

export function submissionRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/submissions',
    scope: 'send',
    tag: 'Sending',
    summary: 'List what was sent and is to be sent',
    description: 'The latest first. What is done is known for 30 days.',
    operationId: 'listSubmissions',
    query: Type.Object(paging),
    response: Page(Submission),
    failures: ['bad-request'],
    async run({ access, services, query }) {
      const after = readCursor(query.cursor, Key);
      const found = await services.store.records(access, SUBMISSION, {
        limit: (query.limit ?? DEFAULT) + 1,
        ...(after && { before: { created: after[0], id: after[1] } }),
      });
      const { items, ...rest } = page(found, query.limit, ({ created, id }) => [created, id]);
      const shown = await Promise.all(items.map(keptOf).map((kept) => json(services, kept)));
      return { items: shown, ...rest };
    },
  });
  routes.add({
    method: 'GET',
    url: '/submissions/{id}',
    scope: 'send',
    tag: 'Sending',
    summary: 'What came of a message',
    description: 'For each recipient, with what the other side said. Known for 30 days after it is done.',
    operationId: 'getSubmission',
    params: IdParams,
    response: Submission,
    failures: ['not-found'],
    async run({ access, services, params }) {
      return await json(services, await found(services, access, params.id));
    },
  });
  routes.add({
    method: 'DELETE',
    url: '/submissions/{id}',
    scope: 'send',
    tag: 'Sending',
    summary: 'Take a message back before it is sent',
    description: 'Until `sendAt`. The message stays among the drafts. `409` when it is too late.',
    operationId: 'cancelSubmission',
    params: IdParams,
    response: Submission,
    failures: ['not-found', 'conflict'],
    async run({ access, services, params }) {
      const kept = await found(services, access, params.id);
      return await json(services, kept.record.state === 'canceled' ? kept : await cancel(services, access, kept));
    },
  });
}

async function found({ store }: RestServices, access: Access, id: string): Promise<Kept> {
  const kept = await readSubmission(store, access, id);
  if (kept === undefined) throw new MailError('no-such-message', 'There is no such submission');
  return kept;
}

async function json({ queue, log }: RestServices, kept: Kept) {
  let tracked: readonly TrackedRecipient[] = [];
  if (kept.record.state === 'sent') {
    try {
      tracked = await queue.track(kept.id);
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      log.warn({ err: error }, 'the queue can not be asked');
    }
  }
  return submissionJson(kept, tracked);
}

async function cancel(services: RestServices, access: Access, kept: Kept): Promise<Kept> {
  const { store, clock, random } = services;
  if (kept.record.state !== 'scheduled') throw new MailError('conflict', 'It is too late to take it back');
  const record = { ...kept.record, state: 'canceled' } as const;
  const mutations: Mutation[] = [
    putSubmission(kept.id, record, clock.now(), kept.modseq),
    { type: 'finish-outbox', id: kept.id },
  ];
  for (const { mailbox, uid } of await store.placements(access, [record.message])) {
    mutations.push({ type: 'set-flags', mailbox, uids: single(uid), change: 'remove', flags: [SCHEDULED] });
  }
  const id = newId('commit', random);
  const answer = await store.commit({ owner: access.owner, actor: access.viewer, id, mutations });
  if (answer.ok) return { ...kept, modseq: answer.modseq, record };
  if (answer.failure === 'conflict') throw new MailError('conflict', 'It is too late to take it back');
  throw new MailError(answer.failure, answer.text);
}
