/** Changes of the webhooks of an account, one after the other: how many there may be, and the row by which they are found, hold whatever others change meanwhile. */
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, ModSeq } from '#store/types.ts';
import type { RestServices } from '../services.ts';
import { type KeptWebhook, readWebhooks, STANDING } from './webhook.ts';

/** The record that every change replaces as it has found it: by its modseq it is seen too whether anything has changed. */
const GUARD = 'webhook-guard';
const ALL = 'all';
/** Each time somebody has been faster; more of them at once than there may be webhooks is nobody who means it. */
const ATTEMPTS = 30;

/** Moves with every change; `undefined` where there never was a webhook. */
export async function webhooksModseq(store: Pick<MailStore, 'record'>, access: Access): Promise<ModSeq | undefined> {
  return (await store.record(access, GUARD, ALL))?.modseq;
}

/** @param demand nothing: whoever changes something at the same time begins anew. */
export const putGuard = (demand: { readonly ifAbsent?: true; readonly ifModseq?: ModSeq } = {}): Mutation => ({
  type: 'put-record',
  kind: GUARD,
  id: ALL,
  value: '',
  ...demand,
});

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
    const guard = await webhooksModseq(store, access);
    const all = await readWebhooks(store, access);
    const rows = await store.outbox(access.owner);
    const { mutations, left } = plan(all);
    const stands = rows.some(({ kind }) => kind === STANDING);
    const demand = guard === undefined ? ({ ifAbsent: true } as const) : { ifModseq: guard };
    const answer = await store.commit({
      owner: access.owner,
      actor: access.viewer,
      id: newId('commit', random),
      mutations: [putGuard(demand), ...mutations, ...standing()],
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
