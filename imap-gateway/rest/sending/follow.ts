/** What became of those that the MTA has taken: from the queue into the submission's record, so that it is in the account's log, and known for as long as that is kept. */
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { finalByAddress, isFinal, recipientsOf, stateOf } from './status.ts';
import { KEPT, putSubmission, readSubmission, type SubmissionRecord } from './submission.ts';
import { newlyFailed, putUndeliverable } from './undeliverable.ts';

export interface FollowServices {
  readonly store: MailStore;
  readonly queue: Pick<Queue, 'track'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Log;
}

/** Writes what is new; true when nothing is pending any more. */
export async function followSubmission(services: FollowServices, owner: AccountId, id: string): Promise<boolean> {
  const { store, queue, clock, random } = services;
  const access = { owner, viewer: owner };
  const kept = await readSubmission(store, access, id);
  const now = clock.now();
  const mutations: Mutation[] = [];
  const finish = { type: 'finish-outbox', id } as const;
  let done = kept === undefined || kept.record.state !== 'sent';
  if (done) mutations.push(finish);
  else {
    const { record, modseq } = kept!;
    const all = recipientsOf(record, await queue.track(id));
    // The queue forgets: what it doesn't know for so long will never be known.
    const forgotten = now - (record.sentAt ?? record.createdAt) > KEPT;
    const final = finalByAddress(forgotten ? all.filter(isFinal) : all);
    const known = Object.keys(final).length;
    if (known === Object.keys(record.final).length && !forgotten) return false;
    const recipients = Object.values(final).flat();
    done = forgotten || known === record.to.length;
    const next: SubmissionRecord = { ...record, final, ...(done && { state: stateOf(recipients) }) };
    mutations.push(putSubmission(id, next, now, modseq));
    mutations.push(...putUndeliverable(id, next, newlyFailed(record.final, final), now));
    if (done) mutations.push(finish);
  }
  const answer = await store.commit({ owner, actor: owner, id: newId('commit', random), mutations });
  return done && (answer.ok || answer.failure === 'no-such-account');
}
