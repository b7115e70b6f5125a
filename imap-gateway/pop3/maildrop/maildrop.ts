/**
 * INBOX as one session numbers it (RFC 1939 §5): what was there when the session began, whatever other sessions and protocols do meanwhile. How many
 * messages and octets there are comes from the mailbox's row, so that STAT of a large maildrop reads no more; UIDs and sizes are read once
 * something asks for a number, unique ids once UIDL does. Marks are only marks: `leave` makes them a commit.
 */
import { MailError } from '#mail/failure.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Columns, MailboxSizes, MessageRow } from '#store/store.ts';
import type { Mailbox, Uid, UidSet } from '#store/types.ts';
import { fromUids, intersect, single } from '#store/uid-set.ts';
import { ReadAhead } from './read-ahead.ts';
import type { MaildropSource } from './source.ts';
import { uniqueIds } from './unique-ids.ts';

/** A message's number, and what is to be said of it. */
export type Line<T> = readonly [number: number, what: T];

const INBOX = 'INBOX';

const CONTENT: Columns = { content: true };
const HEADER: Columns = { rawHeader: true };

export class Maildrop {
  readonly #source: MaildropSource;
  readonly #mailbox: Mailbox;
  /** Octets that messages have more on the wire than in the store. */
  readonly #growth: ReadonlyMap<Uid, number>;
  #numbered: Promise<MailboxSizes> | undefined;
  /** Once they are read. */
  #uids: Uint32Array | undefined;
  #ids: Promise<readonly string[]> | undefined;
  readonly #contents: ReadAhead;
  readonly #headers: ReadAhead;
  readonly #deleted = new Set<number>();
  #deletedOctets = 0;
  /** By number, 1 where it was; a set of ten thousands of numbers costs more than finding them. */
  #retrieved = new Uint8Array(0);
  #retrievedCount = 0;

  private constructor(source: MaildropSource, mailbox: Mailbox, growth: ReadonlyMap<Uid, number>) {
    this.#source = source;
    // RFC 1939 §11: a size counts each end of a line as two octets.
    const size = growth.values().reduce((sum, octets) => sum + octets, mailbox.size);
    this.#mailbox = { ...mailbox, size };
    this.#growth = growth;
    this.#contents = new ReadAhead('content', (uids) => this.#rows(uids, CONTENT));
    this.#headers = new ReadAhead('rawHeader', (uids) => this.#rows(uids, HEADER));
  }

  static async open(source: MaildropSource): Promise<Maildrop> {
    const mailbox = await source.store.mailboxNamed(source.access, INBOX);
    if (mailbox === undefined) throw new MailError('no-such-mailbox', 'There is no maildrop');
    const growth = await source.store.growth(source.access, mailbox.id);
    return new Maildrop(source, mailbox, new Map(growth.entries().filter(([uid]) => uid < mailbox.uidNext)));
  }

  /** Without those marked as deleted. */
  get messages(): number {
    return this.#mailbox.messages - this.#deleted.size;
  }
  get octets(): number {
    return this.#mailbox.size - this.#deletedOctets;
  }
  get deleted(): number {
    return this.#deleted.size;
  }
  get retrieved(): number {
    return this.#retrievedCount;
  }

  /** Numbers and sizes of the messages not marked as deleted, ascending. */
  async list(): Promise<Iterable<Line<number>>> {
    return this.#lines((await this.#numbers()).sizes);
  }

  /** Throws `no-such-message`, also for one that is marked as deleted. */
  async size(number: number): Promise<number> {
    const { sizes } = await this.#numbers();
    this.#check(number, sizes.length);
    return sizes[number - 1]!;
  }

  /** As `list`, with unique ids. */
  async uniqueIds(): Promise<Iterable<Line<string>>> {
    return this.#lines(await this.#uniqueIds());
  }

  async uniqueId(number: number): Promise<string> {
    const ids = await this.#uniqueIds();
    this.#check(number, ids.length);
    return ids[number - 1]!;
  }

  /** With its content where that is small, else with its header alone; with `header`, never with more than that. Throws `no-such-message`, `unavailable`. */
  message(number: number, columns: { readonly header: boolean }): MessageRow | Promise<MessageRow> {
    const uids = this.#uids;
    if (uids === undefined) return this.#numbers().then(() => this.message(number, columns));
    this.#check(number, uids.length);
    const ahead = columns.header ? this.#headers : this.#contents;
    return ahead.row(uids, number - 1) ?? this.#message(uids, number - 1, columns.header);
  }

  async #message(uids: Uint32Array, place: number, header: boolean): Promise<MessageRow> {
    const uid = uids[place]!;
    const row =
      (await (header ? this.#headers : this.#contents).fill(uids, place)) ??
      (await this.#row(uid, header ? HEADER : CONTENT));
    return header || row.content !== undefined ? row : await this.#row(uid, HEADER);
  }

  /** Of a message as it is sent, without dots that are added and the last one. */
  octetsOf({ uid, size }: MessageRow): number {
    return size + (this.#growth.get(uid) ?? 0);
  }

  /** Octets of a message from `start` on, in pieces. */
  async content({ uid, size }: MessageRow, start: number): Promise<AsyncIterable<Uint8Array>> {
    const { store, access } = this.#source;
    return store.content(access, this.#mailbox.id, uid, start, size);
  }

  /** Throws `no-such-message`. */
  async delete(number: number): Promise<void> {
    const size = await this.size(number);
    this.#deleted.add(number);
    this.#deletedOctets += size;
  }

  /** Of a message that was given. */
  markRetrieved(number: number): void {
    if (this.#retrieved.length === 0) this.#retrieved = new Uint8Array(this.#uids!.length + 1);
    if (this.#retrieved[number] === 1) return;
    this.#retrieved[number] = 1;
    this.#retrievedCount++;
  }

  /** Marks of deletion go (RSET); what was retrieved was retrieved. */
  reset(): void {
    this.#deleted.clear();
    this.#deletedOctets = 0;
  }

  /** What UPDATE does to the store: one commit, or nothing. */
  async changes(options: { readonly markSeen: boolean; readonly removeRetrieved: boolean }): Promise<Mutation[]> {
    if (this.#deleted.size + this.#retrievedCount === 0) return [];
    const { uids } = await this.#numbers();
    const mailbox = this.#mailbox.id;
    const setOf = (numbers: Iterable<number>): UidSet =>
      fromUids(Uint32Array.from(numbers, (number) => uids[number - 1]!).sort());
    const retrieved = new Set(this.#retrieved.keys().filter((number) => this.#retrieved[number] === 1));
    const gone = options.removeRetrieved ? this.#deleted.union(retrieved) : this.#deleted;
    const mutations: Mutation[] = [];
    if (gone.size > 0) mutations.push({ type: 'expunge', mailbox, uids: setOf(gone), onlyDeleted: false });
    const seen = retrieved.difference(gone);
    if (options.markSeen && seen.size > 0) {
      mutations.push({ type: 'set-flags', mailbox, uids: setOf(seen), change: 'add', flags: ['\\Seen'] });
    }
    return mutations;
  }

  *#lines<T>(all: ArrayLike<T>): Generator<Line<T>> {
    for (let i = 0; i < all.length; i++) if (!this.#deleted.has(i + 1)) yield [i + 1, all[i]!];
  }

  #check(number: number, messages: number): void {
    if (number < 1 || number > messages || this.#deleted.has(number)) {
      throw new MailError('no-such-message', 'No such message');
    }
  }

  /** Also where another session has expunged it meanwhile, as long as the store still has it. */
  async #row(uid: Uid, columns: Columns): Promise<MessageRow> {
    for await (const [row] of this.#rows(single(uid), columns)) if (row !== undefined) return row;
    throw new MailError('no-such-message', 'That message is gone');
  }

  #rows(uids: UidSet, columns: Columns): AsyncIterable<readonly MessageRow[]> {
    const { store, access } = this.#source;
    return store.messages(access, this.#mailbox.id, uids, columns, { expunged: true });
  }

  #uniqueIds(): Promise<readonly string[]> {
    this.#ids ??= this.#numbers().then(({ uids }) => uniqueIds(this.#source, this.#mailbox, uids));
    this.#ids.catch(() => (this.#ids = undefined));
    return this.#ids;
  }

  #numbers(): Promise<MailboxSizes> {
    this.#numbered ??= this.#number();
    this.#numbered.catch(() => (this.#numbered = undefined));
    return this.#numbered;
  }

  async #number(): Promise<MailboxSizes> {
    const { store, access } = this.#source;
    const { id, uidNext, messages } = this.#mailbox;
    const { uids, sizes } = await store.sizes(access, id);
    const known = uids.findLastIndex((uid) => uid < uidNext) + 1;
    const numbered = { uids: uids.subarray(0, known), sizes: sizes.subarray(0, known) };
    const all = known === messages ? numbered : withRows(numbered, await this.#expungedSince());
    this.#uids = all.uids;
    if (this.#growth.size === 0) return all;
    return { uids: all.uids, sizes: all.sizes.map((size, i) => size + (this.#growth.get(all.uids[i]!) ?? 0)) };
  }

  /** What others removed since the session began keeps its number. */
  async #expungedSince(): Promise<MessageRow[]> {
    const { store, access } = this.#source;
    const { id, uidNext, highestModseq } = this.#mailbox;
    const { vanished, complete } = await store.delta(access, id, highestModseq);
    const rows: MessageRow[] = [];
    if (!complete || uidNext === 1) return rows;
    const gone = intersect(vanished, [[1, uidNext - 1]]);
    for await (const batch of store.messages(access, id, gone, {}, { expunged: true })) rows.push(...batch);
    return rows;
  }
}

function withRows({ uids, sizes }: MailboxSizes, rows: readonly MessageRow[]): MailboxSizes {
  const all = Array.from(uids, (uid, i) => ({ uid, size: sizes[i]! }));
  const merged = [...all, ...rows].sort((a, b) => a.uid - b.uid);
  return { uids: Uint32Array.from(merged, ({ uid }) => uid), sizes: Float64Array.from(merged, ({ size }) => size) };
}
