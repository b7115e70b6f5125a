/** Mail that waits to leave: what there is, why it waits, and what can be done about it. */
import { formatAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { formatReply } from '#mail/smtp/reply.ts';
import type { Queue, QueueEntry, QueueRecipient } from '#store/queue.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'queue' | 'directory' | 'clock'>;

export interface QueueItem {
  readonly id: string;
  /** `<>` for reports. */
  readonly from: string;
  readonly size: number;
  readonly arrivedAt: string;
  readonly expiresAt: string;
  readonly held: boolean;
  readonly recipients: readonly QueueRecipientItem[];
}

export interface QueueRecipientItem {
  readonly address: string;
  readonly state: QueueRecipient['state'];
  readonly attempts: number;
  readonly nextAttemptAt?: string;
  readonly lastAttemptAt?: string;
  readonly lastReply?: string;
  readonly remoteMta?: string;
}

export interface QueueFilter {
  /** `deferred`: tried at least once. */
  readonly state?: 'held' | 'waiting' | 'deferred';
  /** Of a recipient that is still waiting. */
  readonly domain?: string;
  /** An address, `<>`, or `@domain`. */
  readonly sender?: string;
}

export const QUEUE_ACTS = ['retry', 'hold', 'release', 'drop'] as const;
export type QueueAct = (typeof QUEUE_ACTS)[number];

const PAGE = 500;
/** What the audit log names one by one. */
const NAMED = 20;

/** Oldest first. @param page.after the id of the last one that was shown; without a limit, everything. */
export async function listQueue(
  { queue }: Pick<AdminRooms, 'queue'>,
  filter: QueueFilter = {},
  page: { readonly after?: string; readonly limit?: number } = {},
): Promise<Items<QueueItem>> {
  const items: QueueItem[] = [];
  for await (const entry of entries(queue, page.after)) {
    if (!matches(entry, filter)) continue;
    items.push(describeEntry(entry));
    if (items.length === page.limit) break;
  }
  return { items };
}

/** @throws MailError `no-such-message`. */
export async function showQueued({ queue }: Pick<AdminRooms, 'queue'>, id: string): Promise<QueueItem> {
  const entry = await queue.get(id);
  if (entry === undefined) throw new MailError('no-such-message', `there is no message ${id} in the queue`);
  return describeEntry(entry);
}

/**
 * Answers the ids of what was acted on.
 * @param args `what`: ids, a filter, or all of the queue.
 * @throws MailError `no-such-message` when some of the ids are not there; the others were acted on.
 */
export async function actOnQueue(
  { queue, directory, clock }: Rooms,
  args: { readonly act: QueueAct; readonly what: readonly string[] | QueueFilter | 'all' },
  by: Actor,
): Promise<Items<string>> {
  const { act, what } = args;
  const ids = isFilter(what) ? (await listQueue({ queue }, what)).items.map(({ id }) => id) : what;
  const done = ids.length === 0 ? [] : await queue.act(act, ids, clock.now());
  if (done.length > 0) {
    const target = done.length === 1 ? done[0]! : `${done.length} messages`;
    const detail = { ids: done.slice(0, NAMED), ...(isFilter(what) && { filter: what }) };
    await directory.change({ type: 'note-act', act: `${act}-queue`, target }, { ...by, detail });
  }
  const missing = Array.isArray(what) ? what.filter((id) => !done.includes(id)) : [];
  if (missing.length > 0)
    throw new MailError('no-such-message', `not in the queue: ${missing.join(' ')} (${act}: ${done.length} done)`);
  return { items: done };
}

const isFilter = (what: readonly string[] | QueueFilter | 'all'): what is QueueFilter =>
  what !== 'all' && !Array.isArray(what);

async function* entries(queue: Queue, start: string | undefined): AsyncGenerator<QueueEntry> {
  let after = start;
  for (;;) {
    const page = await queue.list({ limit: PAGE, ...(after !== undefined && { after }) });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.id;
  }
}

function matches(entry: QueueEntry, { state, domain, sender }: QueueFilter): boolean {
  const waiting = entry.recipients.filter((recipient) => recipient.state === 'pending');
  const wanted = domain?.toLowerCase();
  return (
    (state === undefined || hasState(entry, waiting, state)) &&
    (wanted === undefined || waiting.some(({ address }) => address.domain === wanted)) &&
    (sender === undefined || isFrom(entry.reversePath, sender.toLowerCase()))
  );
}

function hasState(entry: QueueEntry, waiting: readonly QueueRecipient[], state: QueueFilter['state']): boolean {
  if (state === 'held') return entry.held;
  return !entry.held && (state === 'waiting' || waiting.some(({ attempts }) => attempts > 0));
}

function isFrom(from: Address | null, wanted: string): boolean {
  const text = addressText(from).toLowerCase();
  return wanted.startsWith('@') ? text.endsWith(wanted) : text === wanted;
}

const addressText = (address: Address | null): string => (address === null ? '<>' : formatAddress(address));

function describeEntry(entry: QueueEntry): QueueItem {
  return {
    id: entry.id,
    from: addressText(entry.reversePath),
    size: entry.size,
    arrivedAt: timestamp(entry.arrivedAt),
    expiresAt: timestamp(entry.expiresAt),
    held: entry.held,
    recipients: entry.recipients.map(describeRecipient),
  };
}

function describeRecipient(recipient: QueueRecipient): QueueRecipientItem {
  const { state, attempts, nextAttemptAt, lastAttemptAt, lastReply, remoteMta } = recipient;
  return {
    address: addressText(recipient.address),
    state,
    attempts,
    ...(state === 'pending' && { nextAttemptAt: timestamp(nextAttemptAt) }),
    ...(lastAttemptAt !== undefined && { lastAttemptAt: timestamp(lastAttemptAt) }),
    ...(lastReply !== undefined && { lastReply: formatReply(lastReply).trimEnd().replaceAll('\r\n', ' / ') }),
    ...(remoteMta !== undefined && { remoteMta }),
  };
}
