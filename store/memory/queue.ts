/** The queue in memory: the reference, and the queue of unit tests. */
import { readFile, rm } from 'node:fs/promises';
import { MailError } from '#mail/failure.ts';
import type {
  NewQueueEntry,
  Outcome,
  Queue,
  QueueEntry,
  QueueId,
  QueueRecipient,
  TrackedOutcome,
  TrackedRecipient,
} from '../queue.ts';
import {
  checkEntry,
  checkKept,
  droppedRecipient,
  FINISHED_RETENTION,
  newRecipients,
  pendingOf,
  settleRecipient,
  TRACKED_RETENTION,
} from '../queue-rules.ts';

const CHUNK = 262_144;

interface Held {
  entry: QueueEntry;
  readonly content: Uint8Array;
}

export class MemoryQueue implements Queue {
  readonly #now: () => number;
  /** In the order of arrival. */
  readonly #entries = new Map<QueueId, Held>();
  readonly #deliveries = new Map<string, QueueId>();
  readonly #finished = new Map<string, { readonly id: QueueId; readonly at: number }>();
  #outcomes: (TrackedOutcome & { readonly at: number })[] = [];
  #mark = 0;
  readonly #listeners = new Set<() => void>();

  constructor(options: { readonly clock: { now(): number } }) {
    this.#now = () => options.clock.now();
  }

  async enqueue(entry: NewQueueEntry): Promise<QueueId> {
    const content = await read(entry);
    const id = this.#add(entry, content);
    this.#changed();
    return id;
  }

  async settle(id: QueueId, outcomes: readonly Outcome[], reports: readonly NewQueueEntry[]): Promise<void> {
    const contents = await Promise.all(reports.map(read));
    const held = this.#entries.get(id);
    if (held === undefined) return;
    const recipients = held.entry.recipients.map((recipient) => {
      const mine = outcomes.filter(({ index }) => index === recipient.index);
      return mine.reduce(settleRecipient, recipient);
    });
    // What is told a second time has no effect and causes no reports.
    const effective = recipients.some((recipient, i) => recipient !== held.entry.recipients[i]);
    if (!effective && outcomes.length > 0) return;
    for (const [i, report] of reports.entries()) this.#check(report, contents[i]!.length);
    for (const [i, report] of reports.entries()) this.#add(report, contents[i]!);
    const before = held.entry.recipients;
    held.entry = { ...held.entry, recipients };
    this.#track(
      held.entry,
      recipients.filter((recipient, i) => recipient !== before[i]),
    );
    if (pendingOf(recipients).count === 0) this.#finish(held.entry);
    this.#changed();
  }

  async due(now: number, limit: number, except: ReadonlySet<QueueId>): Promise<readonly QueueEntry[]> {
    const waiting = this.#waiting().filter(({ entry, nextAt }) => nextAt <= now && !except.has(entry.id));
    return waiting.slice(0, limit).map(({ entry }) => entry);
  }

  async nextDue(): Promise<number | undefined> {
    return this.#waiting()[0]?.nextAt;
  }

  async get(id: QueueId): Promise<QueueEntry | undefined> {
    return this.#entries.get(id)?.entry;
  }

  async list(options: { after?: QueueId; limit: number }): Promise<readonly QueueEntry[]> {
    const ids = [...this.#entries.keys()];
    const from = options.after === undefined ? 0 : ids.indexOf(options.after) + 1;
    if (options.after !== undefined && from === 0) return [];
    return ids.slice(from, from + options.limit).map((id) => this.#entries.get(id)!.entry);
  }

  async *content(id: QueueId, start = 0, end = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
    const held = this.#entries.get(id);
    if (held === undefined) throw new MailError('no-such-message', 'no such queue entry');
    const stop = Math.min(end, held.content.length);
    for (let at = start; at < stop; at += CHUNK) yield held.content.subarray(at, Math.min(at + CHUNK, stop));
  }

  async track(envelopeId: string): Promise<readonly TrackedRecipient[]> {
    const mine = [...this.#entries.values()].filter(({ entry }) => entry.tracked && entry.envelopeId === envelopeId);
    const waiting = mine.flatMap(({ entry }) =>
      entry.recipients.filter(({ state }) => state === 'pending').map((recipient) => ({ entry: entry.id, recipient })),
    );
    const final = this.#kept().filter((outcome) => outcome.envelopeId === envelopeId);
    return [...final.map(({ entry, recipient }) => ({ entry, recipient })), ...waiting].sort(byEntry);
  }

  async outcomes(after: number, limit: number): Promise<readonly TrackedOutcome[]> {
    const found = this.#kept().filter(({ mark }) => mark > after);
    return found
      .slice(0, limit)
      .map(({ mark, envelopeId, entry, recipient }) => ({ mark, envelopeId, entry, recipient }));
  }

  async lastMark(): Promise<number> {
    return this.#mark;
  }

  async keep(envelopeId: string, entry: QueueId, recipients: readonly QueueRecipient[]): Promise<void> {
    checkKept(envelopeId, recipients);
    this.#keep(envelopeId, entry, recipients);
    this.#changed();
  }

  async act(
    action: 'retry' | 'hold' | 'release' | 'drop',
    ids: readonly QueueId[] | 'all',
    now: number,
  ): Promise<readonly QueueId[]> {
    const asked = ids === 'all' ? [...this.#entries.keys()] : ids;
    const found = asked.filter((id) => this.#entries.has(id));
    for (const id of found) {
      const held = this.#entries.get(id)!;
      if (action === 'drop') {
        this.#track(held.entry, held.entry.recipients.filter(({ state }) => state === 'pending').map(droppedRecipient));
        this.#finish(held.entry);
      } else if (action === 'retry') {
        const again = held.entry.recipients.map((r) => (r.state === 'pending' ? { ...r, nextAttemptAt: now } : r));
        held.entry = { ...held.entry, recipients: again };
      } else held.entry = { ...held.entry, held: action === 'hold' };
    }
    this.#changed();
    return found;
  }

  async counts(): Promise<{ messages: number; recipients: number; oldest?: number }> {
    const entries = [...this.#entries.values()].map(({ entry }) => entry);
    const recipients = entries.reduce((sum, entry) => sum + pendingOf(entry.recipients).count, 0);
    const base = { messages: entries.length, recipients };
    return entries.length === 0 ? base : { ...base, oldest: Math.min(...entries.map(({ arrivedAt }) => arrivedAt)) };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  /** Not held and with a pending recipient, earliest first. */
  #waiting(): { entry: QueueEntry; nextAt: number }[] {
    return [...this.#entries.values()]
      .filter(({ entry }) => !entry.held && pendingOf(entry.recipients).count > 0)
      .map(({ entry }) => ({ entry, nextAt: pendingOf(entry.recipients).nextAt }))
      .sort((a, b) => a.nextAt - b.nextAt);
  }

  #check(entry: NewQueueEntry, size: number): void {
    checkEntry(entry);
    if ('file' in entry.content && entry.content.size !== size) {
      throw new MailError('bad-request', 'the spool file has another size');
    }
    if (this.#entries.has(entry.id) && this.#deliveries.get(entry.deliveryId) !== entry.id) {
      throw new MailError('exists', 'the queue id is taken');
    }
  }

  #add(given: NewQueueEntry, content: Uint8Array): QueueId {
    this.#check(given, content.length);
    for (const [delivery, { at }] of this.#finished) {
      if (at < this.#now() - FINISHED_RETENTION) this.#finished.delete(delivery);
    }
    const known = this.#deliveries.get(given.deliveryId) ?? this.#finished.get(given.deliveryId)?.id;
    if (known !== undefined) return known;
    const { content: _, recipients: __, ...rest } = given;
    const entry = { ...rest, held: false, size: content.length, recipients: newRecipients(given) };
    this.#entries.set(entry.id, { entry, content });
    this.#deliveries.set(entry.deliveryId, entry.id);
    return entry.id;
  }

  #track(entry: QueueEntry, changed: readonly QueueRecipient[]): void {
    if (!entry.tracked) return;
    this.#keep(
      entry.envelopeId!,
      entry.id,
      changed.filter(({ state }) => state !== 'pending'),
    );
  }

  #keep(envelopeId: string, entry: QueueId, recipients: readonly QueueRecipient[]): void {
    const known = new Set(
      this.#outcomes
        .filter((one) => one.envelopeId === envelopeId && one.entry === entry)
        .map(({ recipient }) => recipient.index),
    );
    for (const recipient of recipients) {
      if (known.has(recipient.index)) continue;
      this.#outcomes.push({ mark: ++this.#mark, envelopeId, entry, recipient, at: this.#now() });
    }
  }

  #kept(): (TrackedOutcome & { readonly at: number })[] {
    this.#outcomes = this.#outcomes.filter(({ at }) => at >= this.#now() - TRACKED_RETENTION);
    return this.#outcomes;
  }

  #finish(entry: QueueEntry): void {
    this.#entries.delete(entry.id);
    this.#deliveries.delete(entry.deliveryId);
    this.#finished.set(entry.deliveryId, { id: entry.id, at: this.#now() });
  }

  #changed(): void {
    for (const listener of Array.from(this.#listeners)) listener();
  }
}

/** By the bytes of the id, as databases compare. */
function byEntry(a: TrackedRecipient, b: TrackedRecipient): number {
  if (a.entry !== b.entry) return a.entry < b.entry ? -1 : 1;
  return a.recipient.index - b.recipient.index;
}

/** A spool file is ours from now on. */
async function read({ content }: NewQueueEntry): Promise<Uint8Array> {
  if ('data' in content) return Uint8Array.from(content.data);
  const data = await readFile(content.file);
  await rm(content.file);
  return data;
}
