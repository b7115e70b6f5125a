/** What every part of the store's contract suite works with: a store that a backend opened, and users of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Failure } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import type { MailboxSnapshot } from '#store/change.ts';
import { newId } from '#store/ids.ts';
import type { CommitAnswer, Mutation, MutationResult } from '#store/mutation.ts';
import type { Columns, MailStore, MessageRow } from '#store/store.ts';
import type { Access, Flags, Mailbox, MailboxId, Uid, UidSet } from '#store/types.ts';
import { ALL, toArray } from '#store/uid-set.ts';
import { random, type Sketch, sketch } from '../fixtures.ts';

export interface StoreOptions {
  /** Moved on by the tests, forwards only. */
  readonly clock: { now(): number };
  readonly random: Random;
  /** Milliseconds. */
  readonly retention: { readonly expunged: number; readonly tombstones: number };
  /** Octets of the largest body that `stage` takes. */
  readonly largestBody: number;
}

export interface StoreHarness {
  readonly store: MailStore;
  /** Lets everything go that the retentions no longer cover. */
  collect(): Promise<void>;
  /** Ends everything as kill -9 would, and opens the same data again. Absent where nothing is durable. */
  readonly crash?: () => Promise<MailStore>;
  close(): Promise<void>;
}

export type OpenStore = (options: StoreOptions) => Promise<StoreHarness>;

export const HOUR = 3_600_000;
export const RETENTION = { expunged: HOUR, tombstones: 10 * HOUR };
export const LARGEST_BODY = 2_000_000;

export class TestClock {
  #now = Date.UTC(2026, 5, 1);
  now(): number {
    return this.#now;
  }
  move(ms: number): void {
    this.#now += ms;
  }
}

export interface Ground {
  readonly store: MailStore;
  readonly harness: StoreHarness;
  readonly clock: TestClock;
  /** A new account with INBOX and `Work`. */
  user(): Promise<User>;
}

/** A group of tests that share one store, each with accounts of its own. */
export function topic(
  name: string,
  open: OpenStore,
  tests: { readonly [title: string]: (on: Ground) => Promise<void> },
): void {
  describe(name, () => {
    const clock = new TestClock();
    let harness: StoreHarness;
    before(async () => {
      harness = await open({ clock, random, retention: RETENTION, largestBody: LARGEST_BODY });
    });
    after(() => harness.close());
    for (const [title, run] of Object.entries(tests)) {
      test(title, () => run({ harness, store: harness.store, clock, user: () => newUser(harness.store) }));
    }
  });
}

export async function newUser(store: MailStore): Promise<User> {
  const user = new User(store, newId('account', random), newId('mailbox', random), newId('mailbox', random));
  await user.ok({
    type: 'create-account',
    mailboxes: [
      { id: user.inbox, name: 'INBOX' },
      { id: user.work, name: 'Work' },
    ],
  });
  return user;
}

export class User {
  readonly store: MailStore;
  readonly owner: string;
  readonly access: Access;
  readonly inbox: MailboxId;
  readonly work: MailboxId;

  constructor(store: MailStore, owner: string, inbox: MailboxId, work: MailboxId) {
    this.store = store;
    this.owner = owner;
    this.access = { owner, viewer: owner };
    this.inbox = inbox;
    this.work = work;
  }

  commit(id: string, ...mutations: Mutation[]): Promise<CommitAnswer> {
    return this.store.commit({ owner: this.owner, actor: this.owner, id, mutations });
  }

  async ok(...mutations: Mutation[]): Promise<CommitAnswer & { ok: true }> {
    const answer = await this.commit(newId('commit', random), ...mutations);
    assert.ok(answer.ok, JSON.stringify(answer));
    return answer;
  }

  /** A commit that must be refused for that reason, by its last mutation unless `at` says otherwise. */
  async refused(failure: Failure, mutations: readonly Mutation[], at = mutations.length - 1): Promise<void> {
    const answer = await this.commit(newId('commit', random), ...mutations);
    assert.ok(!answer.ok, 'the commit should have been refused');
    assert.deepEqual([answer.failure, answer.mutation], [failure, at], answer.text);
  }

  add(mailbox: MailboxId = this.inbox, given: Sketch = {}, flags: Flags = []): Mutation & { type: 'add-message' } {
    return { type: 'add-message', mailbox, message: sketch(given).message, flags };
  }

  /** Adds so many plain messages to a mailbox in one commit. */
  async fill(mailbox: MailboxId, n: number): Promise<void> {
    await this.ok(...Array.from({ length: n }, (_, i) => this.add(mailbox, { subject: `Number ${i + 1}` })));
  }

  setFlags(uids: UidSet, change: 'add' | 'remove' | 'replace', ...flags: string[]): Mutation & { type: 'set-flags' } {
    return { type: 'set-flags', mailbox: this.inbox, uids, change, flags };
  }

  async rows(mailbox = this.inbox, columns: Columns = {}, options: { uids?: UidSet; expunged?: boolean } = {}) {
    const rows: MessageRow[] = [];
    const { uids = ALL, ...rest } = options;
    for await (const batch of this.store.messages(this.access, mailbox, uids, columns, rest)) rows.push(...batch);
    return rows;
  }

  async content(mailbox: MailboxId, uid: Uid, start = 0, end = Number.MAX_SAFE_INTEGER): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.store.content(this.access, mailbox, uid, start, end)) {
      assert.ok(chunk.length <= 262_144, 'a chunk has at most 256 KB');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** UID → flags, sorted without case and joined. */
  async flags(mailbox = this.inbox): Promise<Record<number, string>> {
    return flagsOf(await this.store.snapshot(this.access, mailbox));
  }

  async uids(mailbox = this.inbox): Promise<number[]> {
    return [...(await this.store.snapshot(this.access, mailbox)).uids];
  }

  async mailbox(id = this.inbox): Promise<Mailbox> {
    const { mailboxes } = await this.store.mailboxes(this.access);
    const found = mailboxes.find((mailbox) => mailbox.id === id);
    assert.ok(found);
    return found;
  }

  async names(): Promise<string[]> {
    return (await this.store.mailboxes(this.access)).mailboxes.map(({ name }) => name).sort();
  }
}

export function flagsOf(rows: Pick<MailboxSnapshot, 'uids' | 'flags' | 'flagSets'>): Record<number, string> {
  const entries = Array.from(rows.uids, (uid, i) => [uid, rows.flagSets[rows.flags[i]!]!.toSorted(byKey).join(' ')]);
  return Object.fromEntries(entries);
}

const byKey = (a: string, b: string): number => (a.toLowerCase() < b.toLowerCase() ? -1 : 1);

/** The result of mutation `index`, of the type that it must have. */
export function resultOf<T extends MutationResult['type']>(answer: CommitAnswer, type: T, index = 0) {
  assert.ok(answer.ok);
  const result = answer.results[index];
  assert.equal(result?.type, type);
  return result as MutationResult & { type: T };
}

export const uidsOf = (set: UidSet): number[] => toArray(set);

export async function* chunked(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

export async function collectOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}
