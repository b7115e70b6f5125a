/**
 * One try to send a submission, and the one commit that says what came of it. What may have happened twice does no harm: the MTA knows the delivery id, a commit
 * its id, and the record its modseq.
 */
import { formatAddress, parseAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import { isPermanent, isPositive } from '#mail/smtp/reply.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import { ClientError, type RecipientResult } from '#runtime/smtp/client-types.ts';
import type { Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Queue } from '#store/queue.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, AccountId, MailboxId, Uid } from '#store/types.ts';
import { single } from '#store/uid-set.ts';
import { time } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import type { Located } from './originals.ts';
import { outgoing } from './outgoing.ts';
import { placeOf } from './place.ts';
import type { RecipientJson } from './schemas.ts';
import { finalByAddress, isFinal, recipientsOf, replyText, stateOf } from './status.ts';
import { type Kept, putSubmission, readSubmission, type SubmissionRecord, TO_FOLLOW } from './submission.ts';
import type { Transmit } from './transmit.ts';
import { newlyFailed, putUndeliverable, reportRefused } from './undeliverable.ts';

export interface AttemptServices {
  readonly store: MailStore;
  readonly directory: Pick<Directory, 'account'>;
  readonly queue: Pick<Queue, 'track'>;
  readonly transmit: Transmit;
  readonly clock: Clock;
  readonly random: RestServices['random'];
  readonly log: Log;
  readonly hostname: string;
  /** Milliseconds after which what can't be sent is given up. */
  readonly expire: () => number;
}

/** `again`: something is left to be tried later. */
export type AttemptResult = 'done' | 'again';

export async function attemptSubmission(
  services: AttemptServices,
  owner: AccountId,
  id: string,
): Promise<AttemptResult> {
  const access = { owner, viewer: owner };
  const kept = await claimed(services, access, id);
  if (kept === undefined) {
    await commit(services, access, [{ type: 'finish-outbox', id }]);
    return 'done';
  }
  const place = await whereIs(services.store, access, kept.record);
  if (place === undefined) {
    // It was deleted before it was sent: nobody wants it to be.
    const record = { ...kept.record, state: 'canceled', reason: 'the message was deleted' } as const;
    await commit(services, access, [
      putSubmission(id, record, services.clock.now(), kept.modseq),
      { type: 'finish-outbox', id },
    ]);
    return 'done';
  }
  const left = kept.record.to.filter((to) => !kept.record.taken.includes(to) && kept.record.final[to] === undefined);
  const results = left.length === 0 ? [] : await transmit(services, access, kept, place, left);
  const record = await judged(services, kept, left, results);
  const told = await tell(services, access, { kept, record, place }, left, results);
  return await conclude(services, access, kept, record, place, told);
}

/** The submission, from here on no longer to be taken back; `undefined` when there is nothing to send. */
async function claimed(services: AttemptServices, access: Access, id: string): Promise<Kept | undefined> {
  for (;;) {
    const kept = await readSubmission(services.store, access, id);
    if (kept === undefined || kept.record.state === 'sending') return kept;
    if (kept.record.state !== 'scheduled') return undefined;
    const record = { ...kept.record, state: 'sending' } as const;
    await services.store.commit({
      owner: access.owner,
      actor: access.viewer,
      id: `claim-${id}`,
      mutations: [putSubmission(id, record, services.clock.now(), kept.modseq)],
    });
    // Whatever the answer was, what is written now counts.
  }
}

interface Found extends Located {
  readonly all: readonly { readonly mailbox: MailboxId; readonly uid: Uid }[];
}

/** What lies in the Trash was deleted as well. */
async function whereIs(store: MailStore, access: Access, { message }: SubmissionRecord): Promise<Found | undefined> {
  const { mailboxes } = await store.mailboxes(access);
  const trash = mailboxes.find(({ role }) => role === 'trash')?.id;
  const all = (await store.placements(access, [message])).filter(({ mailbox }) => mailbox !== trash);
  for (const { mailbox, uid } of all) {
    for await (const [row] of store.messages(access, mailbox, single(uid), { rawHeader: true, content: true })) {
      if (row !== undefined) return { mailbox, row, all };
    }
  }
  return undefined;
}

async function transmit(
  { store, directory, transmit: send, log }: AttemptServices,
  access: Access,
  { id, record }: Kept,
  place: Found,
  to: readonly string[],
): Promise<readonly RecipientResult[]> {
  try {
    const account = await directory.account(access.owner);
    // Asked here too: a connection to the MTA may have been opened before.
    if (account?.state !== 'active' || account.suspended) throw new Error('the account is closed');
    return await send({
      account: account.address,
      from: parseAddress(record.from),
      to: to.map((one) => parseAddress(one)),
      notify: record.notify,
      envelopeId: id,
      deliveryId: `${id}.${record.round}`,
      message: await outgoing(store, access, place),
    });
  } catch (error) {
    log.warn({ submission: id, err: error }, 'a submission could not be handed to the MTA');
    const kind = error instanceof ClientError ? error : new Error('trouble', { cause: error });
    // Nothing was said about anybody: all will be tried again.
    return to.map(() => ({ kind: 'lost', stage: 'connect', error: kind }) as const);
  }
}

async function judged(
  { queue, clock, expire }: AttemptServices,
  { id, record }: Kept,
  to: readonly string[],
  results: readonly RecipientResult[],
): Promise<SubmissionRecord> {
  const now = clock.now();
  const expired = now >= (record.sendAt ?? record.createdAt) + expire();
  const taken = new Set(record.taken);
  const final: { [address: string]: readonly RecipientJson[] } = { ...record.final };
  const accepted = to.filter((_, i) => isTaken(results[i]));
  // The reply to an earlier try was lost. If that one was taken, with others refused for the moment at RCPT, this one was only recognised, and
  // whom the queue doesn't know is still to be sent to.
  const known = record.doubtful && accepted.length > 0 ? await knownTo(queue, id) : undefined;
  for (const [i, address] of to.entries()) {
    const result = results[i];
    if (isTaken(result)) {
      if (known === undefined || known.has(address.toLowerCase())) taken.add(address);
    } else if (result?.kind === 'reply' && (isPermanent(result.reply) || expired)) {
      const status = isPermanent(result.reply) ? 'failed' : 'expired';
      final[address] = [{ address, status, attempts: 1, lastAttemptAt: time(now), reply: replyText(result.reply) }];
    } else if (expired) final[address] = [{ address, status: 'expired', lastAttemptAt: time(now) }];
  }
  const { doubtful: _, ...rest } = record;
  const lost = results.some((one) => one.kind === 'lost' && (one.stage === 'final' || one.stage === 'content'));
  return {
    ...rest,
    // What the MTA has under this delivery id is whole: whoever is left goes under another one.
    round: accepted.length > 0 ? record.round + 1 : record.round,
    ...((lost || (record.doubtful && accepted.length === 0)) && { doubtful: true }),
    taken: [...taken],
    final,
  };
}

const isTaken = (result: RecipientResult | undefined): boolean =>
  result?.kind === 'reply' && result.stage === 'final' && isPositive(result.reply);

async function knownTo(queue: Pick<Queue, 'track'>, id: string): Promise<ReadonlySet<string>> {
  const tracked = await queue.track(id);
  const names = tracked.map(
    ({ recipient }) => recipient.originalRecipient?.address ?? formatAddress(recipient.address),
  );
  return new Set(names.map((name) => name.toLowerCase()));
}

async function conclude(
  services: AttemptServices,
  access: Access,
  { id, modseq }: Kept,
  record: SubmissionRecord,
  place: Found,
  told: Told,
): Promise<AttemptResult> {
  const now = services.clock.now();
  const left = record.to.filter((to) => !record.taken.includes(to) && record.final[to] === undefined);
  if (left.length > 0) {
    await commitTold(services, access, [putSubmission(id, record, now, modseq)], told);
    return 'again';
  }
  const sent = record.taken.length > 0;
  const next: SubmissionRecord = sent
    ? await settled(services, id, { ...record, state: 'sent', sentAt: now })
    : { ...record, state: 'failed' };
  const mutations: Mutation[] = [putSubmission(id, next, now, modseq), { type: 'finish-outbox', id }];
  if (next.state === 'sent') {
    mutations.push({ type: 'enqueue-outbox', id, kind: TO_FOLLOW, payload: Buffer.from('{}') });
  }
  mutations.push(...(sent ? await filed(services, access, record, place) : await returned(services, access, place)));
  await commitTold(services, access, mutations, told);
  return 'done';
}

/** Mail to this very peer has arrived when the MTA answers: then there is nothing to follow. Failures are told by who follows. */
async function settled({ queue }: AttemptServices, id: string, record: SubmissionRecord): Promise<SubmissionRecord> {
  const recipients = recipientsOf(record, await queue.track(id));
  const final = finalByAddress(recipients);
  if (!recipients.every(isFinal) || newlyFailed(record.final, final).length > 0) return record;
  return { ...record, state: stateOf(recipients), final };
}

interface Told {
  readonly event: readonly Mutation[];
  readonly report: readonly Mutation[];
}

/** Of those whom this try has shown to be out of reach. */
async function tell(
  services: AttemptServices,
  access: Access,
  { kept, record, place }: { readonly kept: Kept; readonly record: SubmissionRecord; readonly place: Found },
  to: readonly string[],
  results: readonly RecipientResult[],
): Promise<Told> {
  const now = services.clock.now();
  const failed = newlyFailed(kept.record.final, record.final);
  if (failed.length === 0) return { event: [], report: [] };
  const replies = new Map(to.map((address, i) => [address, results[i]]));
  const refused = failed.map(({ address }) => {
    const result = replies.get(address);
    return { address, reply: result?.kind === 'reply' ? result.reply : undefined };
  });
  const header = place.row.rawHeader ?? Buffer.alloc(0);
  return {
    event: putUndeliverable(kept.id, record, failed, now),
    report: await reportRefused(services, access, { id: kept.id, record, header }, refused, now),
  };
}

/** Who has no room for the report is told by the event alone. */
async function commitTold(
  services: AttemptServices,
  access: Access,
  mutations: readonly Mutation[],
  { event, report }: Told,
): Promise<void> {
  const all = [...mutations, ...event];
  try {
    await commit(services, access, [...all, ...report]);
  } catch (error) {
    if (report.length === 0 || !(error instanceof MailError) || error.failure !== 'over-quota') throw error;
    await commit(services, access, all);
  }
}

/** From the drafts to what was sent, and the mark on the message that was answered or forwarded. */
async function filed(
  { store, random }: AttemptServices,
  access: Access,
  record: SubmissionRecord,
  { all }: Found,
): Promise<Mutation[]> {
  const drafts = await placeOf(store, access, 'drafts', random);
  const sent = await placeOf(store, access, 'sent', random);
  const mutations: Mutation[] = [];
  const here = all.filter(({ mailbox }) => mailbox === drafts.id);
  if (here.length > 0 && record.save) mutations.push(...sent.mutations);
  for (const { mailbox, uid } of here) {
    const uids = single(uid);
    if (!record.save) mutations.push({ type: 'expunge', mailbox, uids, onlyDeleted: false });
    else {
      mutations.push({ type: 'set-flags', mailbox, uids, change: 'remove', flags: DRAFT_FLAGS });
      mutations.push({ type: 'move', from: mailbox, uids, to: sent.id });
    }
  }
  if (record.reference !== undefined) {
    const { message, keyword } = record.reference;
    for (const { mailbox, uid } of await store.placements(access, [message])) {
      mutations.push({ type: 'set-flags', mailbox, uids: single(uid), change: 'add', flags: [keyword] });
    }
  }
  return mutations;
}

/** A draft, and one that waits. */
export const SCHEDULED = '$Scheduled';
const DRAFT_FLAGS = ['\\Draft', SCHEDULED];

/** Nobody got it: among the drafts it can be mended and sent again. */
async function returned({ store, random }: AttemptServices, access: Access, { all }: Found): Promise<Mutation[]> {
  const drafts = await placeOf(store, access, 'drafts', random);
  const mutations: Mutation[] = [...drafts.mutations];
  for (const { mailbox, uid } of all) {
    const uids = single(uid);
    mutations.push({ type: 'set-flags', mailbox, uids, change: 'add', flags: ['\\Draft'] });
    mutations.push({ type: 'set-flags', mailbox, uids, change: 'remove', flags: [SCHEDULED] });
    if (mailbox !== drafts.id) mutations.push({ type: 'move', from: mailbox, uids, to: drafts.id });
  }
  return mutations;
}

/** @throws MailError where it was not done: whoever drains tries the whole again. */
async function commit(
  { store, random }: Pick<AttemptServices, 'store' | 'random'>,
  { owner, viewer }: Access,
  mutations: readonly Mutation[],
): Promise<void> {
  const answer = await store.commit({ owner, actor: viewer, id: newId('commit', random), mutations });
  if (!answer.ok && answer.failure !== 'no-such-account') {
    throw new MailError(answer.failure, `not recorded: ${answer.text}`);
  }
}
