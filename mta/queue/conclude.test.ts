import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reply } from '#mail/smtp/reply.ts';
import type { QueueEntry, QueueRecipient } from '#store/queue.ts';
import type { Verdict } from '../delivery/verdict.ts';
import { conclude } from './conclude.ts';

const recipient = (index: number): QueueRecipient => ({
  index,
  address: { localPart: `r${index}`, domain: 'far.test' },
  state: 'pending',
  attempts: 0,
  nextAttemptAt: 0,
});

const entry: QueueEntry = {
  id: 'q1',
  deliveryId: 'q1',
  reversePath: { localPart: 'u', domain: 'here.test' },
  bodyType: '7bit',
  smtputf8: false,
  arrivedAt: 0,
  expiresAt: 10_000_000,
  held: false,
  size: 100,
  recipients: [recipient(0), recipient(1), recipient(2)],
};

const deferred = (index: number, at: number): Verdict => ({
  index,
  kind: 'deferred',
  reply: reply(451, '4.1', 'No answer'),
  at,
});

test('recipients that were deferred together are due together, however the dice fall', () => {
  let dice = 0;
  const random = () => {
    dice = (dice + 0.37) % 1;
    return dice;
  };
  const verdicts = [deferred(0, 1000), deferred(1, 1003), deferred(2, 1001)];
  const { outcomes, notices } = conclude(entry, verdicts, { waits: [300_000], delayNotice: 500 }, random);
  const times = outcomes.map((outcome) => (outcome.verdict === 'deferred' ? outcome.nextAttemptAt : undefined));
  assert.equal(times.length, 3);
  assert.equal(new Set(times).size, 1);
  assert.ok(Math.abs((times[0] ?? 0) - 301_003) <= 45_000);
  // Hence one report of the delay names them all.
  assert.deepEqual(
    notices.map(({ action }) => action),
    ['delayed', 'delayed', 'delayed'],
  );
});

test('trouble of our own MDA is tried again in a moment, a full mailbox is not', () => {
  const policy = { waits: [300_000], delayNotice: 10_000_000 };
  const waitOf = (attempts: number, verdict: Verdict): number => {
    const tried = { ...entry, recipients: [{ ...recipient(0), attempts }] };
    const [outcome] = conclude(tried, [verdict], policy, () => 0.5).outcomes;
    assert.ok(outcome?.verdict === 'deferred');
    return outcome.nextAttemptAt - verdict.at;
  };
  const local: Verdict = { ...deferred(0, 1000), local: true };
  assert.deepEqual(
    [0, 1, 2, 3, 4, 9].map((attempts) => waitOf(attempts, local)),
    [1_000, 5_000, 30_000, 60_000, 300_000, 300_000],
  );
  assert.equal(waitOf(0, { ...local, reply: reply(452, '2.2', 'The mailbox is full') }), 300_000);
  assert.equal(waitOf(0, deferred(0, 1000)), 300_000);
});

test('what our own MDA has not answered does not expire: it may have been delivered', () => {
  const policy = { waits: [300_000], delayNotice: 20_000_000 };
  const verdictOf = (verdict: Verdict): string | undefined =>
    conclude(entry, [verdict], policy, () => 0.5).outcomes[0]?.verdict;
  const late = deferred(0, entry.expiresAt + 1);
  const full = { reply: reply(452, '2.2', 'The mailbox is full'), remoteMta: 'here.test' };
  assert.equal(verdictOf({ ...late, local: true }), 'deferred');
  assert.equal(
    verdictOf({ ...late, local: true, reply: reply(421, '3.2', 'Shutting down'), remoteMta: 'here.test' }),
    'deferred',
  );
  assert.equal(verdictOf({ ...late, local: true, ...full }), 'expired');
  assert.equal(verdictOf(late), 'expired');
});
