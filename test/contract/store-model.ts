/**
 * Random clients against a simple model: commits sent at once, repeated, and repeated with other ids, over crashes where the backend can
 * crash. The store says in which order commits took effect (their modseqs); in that order the model must come to the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newId } from '#store/ids.ts';
import type { Commit, CommitAnswer } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { toArray } from '#store/uid-set.ts';
import { MailboxView } from '#store/view.ts';
import { random } from './fixtures.ts';
import { AccountModel, type Expected, Refusal } from './model/account-model.ts';
import { mutationOf, type Step, steps } from './model/steps.ts';
import { LARGEST_BODY, type OpenStore, RETENTION, TestClock } from './store/kit.ts';

export function storeModel(name: string, open: OpenStore, options: { readonly runs?: number } = {}): void {
  test(`${name}: random clients agree with the model`, async () => {
    const clock = new TestClock();
    const harness = await open({ clock, random, retention: RETENTION, largestBody: LARGEST_BODY });
    let { store } = harness;
    const { crash } = harness;
    try {
      const property = fc.asyncProperty(steps(crash !== undefined), async (all) => {
        const run = new Run(store);
        await run.begin();
        for (const step of all) {
          clock.move(1);
          if (step.step === 'crash' && crash !== undefined) store = run.store = await crash();
          else await run.take(step);
          await run.compare();
        }
      });
      await fc.assert(property, { numRuns: options.runs ?? 60 });
    } finally {
      await harness.close();
    }
  });
}

/** One account and what its clients know. */
class Run {
  store: MailStore;
  readonly #owner = newId('account', random);
  readonly #inbox = newId('mailbox', random);
  readonly #model = new AccountModel(this.#inbox);
  readonly #done: { readonly commit: Commit; readonly answer: CommitAnswer & { ok: true } }[] = [];
  /** A client that follows INBOX by deltas from the first moment. */
  #view: MailboxView | undefined;

  constructor(store: MailStore) {
    this.store = store;
  }

  get #access(): Access {
    return { owner: this.#owner, viewer: this.#owner };
  }

  async begin(): Promise<void> {
    const mailboxes = [{ id: this.#inbox, name: 'INBOX' }];
    const answer = await this.store.commit(this.#commit([{ type: 'create-account', mailboxes }]));
    assert.ok(answer.ok && answer.modseq === this.#model.modseq);
    this.#view = new MailboxView(await this.store.snapshot(this.#access, this.#inbox));
  }

  async take(step: Step): Promise<void> {
    if (step.step === 'repeat') await this.#repeat(step.which);
    if (step.step === 'commits') await this.#together(step);
    if (step.step === 'restore') await this.#restore(step.first, step.most);
  }

  async #restore(first: number, most: number): Promise<void> {
    const all = this.#model.restorable();
    const page = await this.store.expunged(this.#access, { limit: 1_000 });
    const listed = page.messages.map(({ row }) => row.message);
    for (const message of all) assert.equal(listed.filter((one) => one === message).length, 1, 'listed, and once');
    const messages = all.filter((message) => this.#model.hasHome(message)).slice(first, first + most);
    const commit = this.#commit([{ type: 'restore', messages }]);
    const answer = await this.store.commit(commit);
    assert.ok(answer.ok);
    const expected = this.#model.apply(commit);
    assert.deepEqual(
      answer.results.map((result, i) => known(result, expected[i]!)),
      expected,
    );
    this.#done.push({ commit, answer });
  }

  async #together(step: Extract<Step, { step: 'commits' }>): Promise<void> {
    const ids = [...this.#model.mailboxes.keys()];
    const sent = step.commits.flatMap(({ acts, twice }) => {
      const make = () => acts.map((act) => mutationOf(act, ids, this.#model.modseq));
      const commit = this.#commit(make());
      return twice ? [commit, { ...commit, mutations: make() }] : [commit];
    });
    const answers = await Promise.all(
      sent.map(async (commit) => ({ commit, answer: await this.store.commit(commit) })),
    );
    const effective = answers.flatMap(({ commit, answer }) =>
      answer.ok && !answer.repeated ? [{ commit, answer }] : [],
    );
    for (const { commit, answer } of effective.toSorted((a, b) => a.answer.modseq - b.answer.modseq)) {
      const expected = this.#model.apply(commit);
      assert.equal(answer.modseq, this.#model.modseq, 'each commit takes the next modseq');
      assert.deepEqual(
        answer.results.map((result, i) => known(result, expected[i]!)),
        expected,
      );
      this.#done.push({ commit, answer });
    }
    for (const { commit, answer } of answers) {
      const first = this.#done.find((one) => one.commit.id === commit.id);
      if (answer.ok && answer.repeated) assert.deepEqual(answer, { ...first?.answer, repeated: true });
      // Alone in its step, a refusal must be the model's too.
      if (!answer.ok && sent.length === 1) assert.throws(() => this.#model.apply(commit), Refusal, answer.text);
    }
  }

  async #repeat(which: number): Promise<void> {
    const past = this.#done[which % Math.max(1, this.#done.length)];
    if (past === undefined) return;
    assert.deepEqual(await this.store.commit(past.commit), { ...past.answer, repeated: true });
  }

  async compare(): Promise<void> {
    const list = await this.store.mailboxes(this.#access);
    assert.equal(list.modseq, this.#model.modseq);
    assert.deepEqual(list.mailboxes.map(({ id }) => id).sort(), [...this.#model.mailboxes.keys()].sort());
    for (const mailbox of list.mailboxes) {
      const expected = this.#model.mailboxes.get(mailbox.id)!;
      const rows = [...expected.rows].sort(([a], [b]) => a - b);
      const snapshot = await this.store.snapshot(this.#access, mailbox.id);
      const found = Array.from(snapshot.uids, (uid, i) => [
        uid,
        snapshot.modseqs[i],
        flags(snapshot.flagSets[snapshot.flags[i]!]!),
      ]);
      assert.deepEqual(
        found,
        rows.map(([uid, row]) => [uid, row.modseq, flags(row.flags)]),
      );
      const lacking = (flag: string) => rows.filter(([, row]) => !row.flags.has(flag)).length;
      const counters = [
        mailbox.name,
        mailbox.uidNext,
        mailbox.messages,
        mailbox.unseen,
        mailbox.messages - mailbox.deleted,
      ];
      assert.deepEqual(counters, [
        expected.name,
        expected.uidNext,
        rows.length,
        lacking('\\Seen'),
        lacking('\\Deleted'),
      ]);
    }
    await this.#find();
    await this.#follow();
  }

  /** Each message by its id. */
  async #find(): Promise<void> {
    const expected = [...this.#model.mailboxes].flatMap(([mailbox, { rows }]) =>
      Array.from(rows, ([uid, { message }]) => `${message} ${mailbox} ${uid}`),
    );
    const ids = expected.map((line) => line.split(' ')[0]!);
    const found = await this.store.placements(this.#access, ids);
    assert.deepEqual(found.map(({ message, mailbox, uid }) => `${message} ${mailbox} ${uid}`).sort(), expected.sort());
  }

  async #follow(): Promise<void> {
    const view = this.#view!;
    const before = new Set(view.uids());
    const change = view.apply(await this.store.delta(this.#access, this.#inbox, view.modseq));
    for (const uid of toArray(change.vanished)) assert.ok(before.has(uid));
    const rows = [...this.#model.mailboxes.get(this.#inbox)!.rows].sort(([a], [b]) => a - b);
    const found = Array.from(view.uids(), (uid, i) => [uid, view.modseqAt(i), flags(view.flagsAt(i))]);
    assert.deepEqual(
      found,
      rows.map(([uid, row]) => [uid, row.modseq, flags(row.flags)]),
    );
  }

  #commit(mutations: Commit['mutations']): Commit {
    return { owner: this.#owner, actor: this.#owner, id: newId('commit', random), mutations };
  }
}

const flags = (all: Iterable<string>): string => [...all].sort().join(' ');

/** Those fields of a result that the model speaks of, UID sets written out. */
function known(result: object, expected: Expected): Expected {
  const fields = Object.keys(expected).map((key) => {
    const value = (result as Expected)[key];
    return [key, Array.isArray(value) ? toArray(value) : value];
  });
  return Object.fromEntries(fields);
}
