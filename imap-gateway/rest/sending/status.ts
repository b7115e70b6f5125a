/** What came of each recipient: from the record and from what the queue has kept. Pure. */
import { formatAddress } from '#mail/address.ts';
import { enhancedCode, type Reply } from '#mail/smtp/reply.ts';
import type { QueueRecipient, TrackedRecipient } from '#store/queue.ts';
import { time } from '../schemas.ts';
import type { RecipientJson, SubmissionJson } from './schemas.ts';
import type { Kept, SubmissionRecord, SubmissionState } from './submission.ts';

/** Characters of what a remote host says: some tell stories, and all of it is kept for each recipient. */
const TOLD = 300;

/** `250 2.1.5 Recipient taken`, lines joined. */
export function replyText(reply: Reply): string {
  const text = [reply.code, enhancedCode(reply), reply.lines.join(' ')].filter((one) => one !== undefined).join(' ');
  return text.length > TOLD ? `${text.slice(0, TOLD)}…` : text;
}

/** Every recipient in the order in which it was given; one that an alias led to several of, several times. */
export function recipientsOf(record: SubmissionRecord, tracked: readonly TrackedRecipient[]): RecipientJson[] {
  const byOriginal = new Map<string, QueueRecipient[]>();
  for (const { recipient } of tracked) {
    const key = keyOf(recipient.originalRecipient?.address ?? formatAddress(recipient.address));
    byOriginal.set(key, [...(byOriginal.get(key) ?? []), recipient]);
  }
  const merged = record.state === 'sent' ? outcomeOfAll(tracked) : undefined;
  return record.to.flatMap((address): readonly RecipientJson[] => {
    const final = record.final[address];
    if (final !== undefined) return final;
    const found = onlyBest(byOriginal.get(keyOf(address)) ?? []);
    if (found.length > 0) return found.map((one) => shown(address, one));
    if (merged !== undefined && record.taken.includes(address)) return [{ address, status: merged }];
    return [{ address, status: record.state === 'canceled' ? ('canceled' as const) : ('pending' as const) }];
  });
}

/** Of a recipient whom an alias made the same as another: the MTA has one copy for both, and nothing by this name. */
function outcomeOfAll(tracked: readonly TrackedRecipient[]): 'delivered' | 'failed' | undefined {
  const states = tracked.map(({ recipient }) => recipient.state);
  if (states.length === 0 || states.includes('pending')) return undefined;
  return states.every((state) => SUCCEEDED.has(state)) ? 'delivered' : 'failed';
}

/** Tried again after a lost reply, a target may stand there twice: the one that got on counts. */
function onlyBest(all: readonly QueueRecipient[]): QueueRecipient[] {
  const found = new Map<string, QueueRecipient>();
  for (const one of all) {
    const key = keyOf(formatAddress(one.address));
    const before = found.get(key);
    if (before === undefined || before.state === 'pending') found.set(key, one);
  }
  return [...found.values()];
}

/** A local part's case is kept by whoever sent it; here it only has to find its own again. */
const keyOf = (address: string): string => address.toLowerCase();

function shown(address: string, one: QueueRecipient): RecipientJson {
  const finalAddress = formatAddress(one.address);
  return {
    address,
    status: one.state,
    ...(keyOf(finalAddress) !== keyOf(address) && { finalAddress }),
    attempts: one.attempts,
    ...(one.lastAttemptAt !== undefined && { lastAttemptAt: time(one.lastAttemptAt) }),
    ...(one.state === 'pending' && { nextAttemptAt: time(one.nextAttemptAt) }),
    ...(one.lastReply !== undefined && { reply: replyText(one.lastReply) }),
    ...(one.remoteMta !== undefined && { remote: one.remoteMta }),
  };
}

export const isFinal = ({ status }: RecipientJson): boolean => status !== 'pending';
/** Those of whom nothing is pending. */
export function finalByAddress(all: readonly RecipientJson[]): { [address: string]: readonly RecipientJson[] } {
  const found: { [address: string]: RecipientJson[] } = {};
  for (const one of all) found[one.address] = [...(found[one.address] ?? []), one];
  return Object.fromEntries(Object.entries(found).filter(([, ones]) => ones.every(isFinal)));
}

const SUCCEEDED: ReadonlySet<string> = new Set(['delivered', 'relayed']);

/** Of the whole, once the MTA has it. */
export function stateOf(recipients: readonly RecipientJson[]): SubmissionState {
  if (!recipients.every(isFinal)) return 'sent';
  return recipients.every(({ status }) => SUCCEEDED.has(status)) ? 'delivered' : 'failed';
}

export function submissionJson({ id, record }: Kept, tracked: readonly TrackedRecipient[]): SubmissionJson {
  const recipients = recipientsOf(record, tracked);
  const { state, message, messageId, from, subject, createdAt, sendAt, sentAt } = record;
  return {
    id,
    status: state === 'sent' ? stateOf(recipients) : state,
    message,
    messageId,
    from,
    subject,
    createdAt: time(createdAt),
    ...(sendAt !== undefined && { sendAt: time(sendAt) }),
    ...(sentAt !== undefined && { sentAt: time(sentAt) }),
    recipients,
  };
}
