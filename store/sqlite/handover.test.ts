/**
 * A shard that goes to and fro between two processes while mail comes in: no commit is lost or doubled, no number given twice.
 * PEERPOST_HANDOVERS sets how often.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MailError } from '#mail/failure.ts';
import { systemClock } from '#runtime/system.ts';
import { random, sketch } from '#test/contract/fixtures.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { silentLog } from '#test/support/log.ts';
import { newId } from '../ids.ts';
import type { Commit, CommitAnswer } from '../mutation.ts';
import type { MailStore } from '../store.ts';
import { toArray } from '../uid-set.ts';
import { openMailStore } from './store.ts';

const HANDOVERS = Number(process.env.PEERPOST_HANDOVERS ?? 8);
const ACCOUNTS = 3;
const CLIENTS = 12;
/** Commits between two hand-overs. */
const BETWEEN = 60;

const owner = (n: number): string => `account${n}`;
const inbox = (n: number): string => `inbox${n}`;

async function startHolder(t: TestContext, data: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.resolve('./handover-child.testkit.ts')), [data]);
  t.after(() => child.kill('SIGKILL'));
  assert.deepEqual(await once(child, 'message'), ['ready', undefined]);
  return child;
}

async function order(child: ChildProcess, what: 'take' | 'give'): Promise<void> {
  child.send(what);
  assert.deepEqual(await once(child, 'message'), [what === 'take' ? 'held' : 'given', undefined]);
}

interface Sent {
  readonly account: number;
  readonly answer: CommitAnswer & { ok: true };
}

/** The same commit until it is answered, as whoever delivers mail does. */
async function commit(store: MailStore, given: Commit): Promise<CommitAnswer & { ok: true }> {
  for (;;) {
    try {
      const answer = await store.commit(given);
      assert.ok(answer.ok, JSON.stringify(answer));
      return answer;
    } catch (error) {
      if (!(error instanceof MailError) || error.failure !== 'unavailable') throw error;
    }
  }
}

test('a shard changes hands under load', async (t) => {
  const data = temporaryFolder(t);
  const holders = await Promise.all([startHolder(t, data), startHolder(t, data)]);
  const common = { data, shards: 1, locate: async () => 0, log: silentLog, clock: systemClock };
  const store = openMailStore({ ...common, commitDeadline: 20_000 });
  t.after(() => store.close());
  await order(holders[0]!, 'take');
  for (let n = 0; n < ACCOUNTS; n++) {
    const mutations = [{ type: 'create-account' as const, mailboxes: [{ id: inbox(n), name: 'INBOX' }] }];
    await commit(store, { owner: owner(n), actor: owner(n), id: 'create', mutations });
  }

  const sent: Sent[] = [];
  let ended = false;
  let longest = 0;
  let reached: () => void = () => undefined;
  let next = 0;
  const client = async (): Promise<void> => {
    while (!ended) {
      const account = next++ % ACCOUNTS;
      const { message } = sketch({ subject: `Number ${next}`, text: 'x'.repeat(4_000) });
      const mutations = [{ type: 'add-message' as const, mailbox: inbox(account), message, flags: [] }];
      const began = performance.now();
      const id = newId('commit', random);
      const answer = await commit(store, { owner: owner(account), actor: owner(account), id, mutations });
      longest = Math.max(longest, performance.now() - began);
      sent.push({ account, answer });
      if (sent.length % BETWEEN === 0) reached();
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  for (let i = 0; i < HANDOVERS; i++) {
    await Promise.race([
      clients,
      new Promise<void>((resolve) => {
        reached = resolve;
      }),
    ]);
    const taken = order(holders[(i + 1) % 2]!, 'take');
    await order(holders[i % 2]!, 'give');
    await taken;
  }
  ended = true;
  await clients;
  await check(store, sent);
  const repeated = sent.filter(({ answer }) => answer.repeated).length;
  t.diagnostic(
    `${HANDOVERS} hand-overs, ${sent.length} commits, ${repeated} of them asked twice, none lost or doubled, longest wait ${longest.toFixed(0)} ms`,
  );
});

async function check(store: MailStore, sent: readonly Sent[]): Promise<void> {
  for (let account = 0; account < ACCOUNTS; account++) {
    const mine = sent.filter((one) => one.account === account);
    const modseqs = mine.map(({ answer }) => answer.modseq).sort((a, b) => a - b);
    assert.deepEqual(
      modseqs,
      modseqs.map((_, i) => i + 2),
      'modseqs without a gap or a double, after that of the account’s creation',
    );
    const uids = mine.flatMap(({ answer: { results } }) =>
      results[0]?.type === 'add-message' ? [results[0].uid] : [],
    );
    const expected = toArray([[1, mine.length]]);
    assert.deepEqual(
      uids.sort((a, b) => a - b),
      expected,
    );
    const found = await store.snapshot({ owner: owner(account), viewer: owner(account) }, inbox(account));
    assert.deepEqual([...found.uids], expected);
    assert.equal(found.uidNext, mine.length + 1);
  }
}
