/** Changes of the webhooks of an account, one after the other: how many there may be, and the row by which they are found, hold whatever others change meanwhile. */
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, ModSeq } from '#store/types.ts';
import type { RestServices } from '../services.ts';
import { type KeptWebhook, readWebhooks, STANDING } from './webhook.ts';

/** The record that every change replaces as it has found it. */
const GUARD = 'webhook-guard';
const ALL = 'all';
/** Each time somebody has been faster; more of them at once than there may be webhooks is nobody who means it. */
const ATTEMPTS = 30;

export interface Changed {
  readonly mutations: readonly Mutation[];
  /** Webhooks that there are afterwards. */
  readonly left: number;
}

/** @param plan what is to be done, made anew when somebody else was faster. Answers the modseq of the change. */
export async function changeWebhooks(
  { store, random }: Pick<RestServices, 'store' | 'random'>,
  access: Access,
  plan: (all: readonly KeptWebhook[]) => Changed,
): Promise<ModSeq> {
  for (let attempt = 1; ; attempt++) {
    const guard = await store.record(access, GUARD, ALL);
    const all = await readWebhooks(store, access);
    const rows = await store.outbox(access.owner);
    const { mutations, left } = plan(all);
    const stands = rows.some(({ kind }) => kind === STANDING);
    const demand = guard === undefined ? { ifAbsent: true } : { ifModseq: guard.modseq };
    const answer = await store.commit({
      owner: access.owner,
      actor: access.viewer,
      id: newId('commit', random),
      mutations: [{ type: 'put-record', kind: GUARD, id: ALL, value: '', ...demand }, ...mutations, ...standing()],
    });
    if (answer.ok) return answer.modseq;
    const raced = answer.failure === 'conflict' || answer.failure === 'exists';
    if (!raced || attempt === ATTEMPTS) throw new MailError(answer.failure, answer.text);

    function standing(): Mutation[] {
      if (left === 0) return [{ type: 'finish-outbox', id: STANDING }];
      return stands ? [] : [{ type: 'enqueue-outbox', id: STANDING, kind: STANDING, payload: Buffer.from('{}') }];
    }
  }
}
