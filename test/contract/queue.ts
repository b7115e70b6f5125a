/** The contract of `Queue` in tests. Every backend passes it unchanged, writers and clients alike. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { reply } from '#mail/smtp/reply.ts';
import { newId } from '#store/ids.ts';
import type { NewQueueEntry, Outcome, Queue, QueueEntry } from '#store/queue.ts';
import { random } from './fixtures.ts';

export interface QueueHarness {
  readonly queue: Queue;
  /** A folder on the queue's file system where a test may spool. */
  readonly spool: string;
  /** Ends everything as kill -9 would, and opens the same data again. Absent where nothing is durable. */
  readonly crash?: () => Promise<Queue>;
  close(): Promise<void>;
}

export type OpenQueue = (options: { readonly clock: { now(): number } }) => Promise<QueueHarness>;

interface Ground extends QueueHarness {
  readonly clock: { now(): number; move(ms: number): void };
}

export function queueContract(name: string, open: OpenQueue): void {
  describe(`${name}: queue`, () => {
    for (const [title, run] of Object.entries(TESTS)) {
      test(title, async () => {
        let now = 1_900_000_000_000;
        const clock = { now: () => now, move: (ms: number) => (now += ms) };
        const harness = await open({ clock });
        try {
          await run({ ...harness, clock });
        } finally {
          await harness.close();
        }
      });
    }
  });
}

/** A folder for spool files when the backend has none of its own. */
export function spoolFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'pp-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

const T0 = 1_900_000_000_000;
const DAY = 86_400_000;

function entry(given: Partial<NewQueueEntry> = {}, recipients = ['a@x.test']): NewQueueEntry {
  return {
    id: newId('queue', random),
    deliveryId: newId('delivery', random),
    reversePath: { localPart: 'sender', domain: 'alpha.test' },
    bodyType: '8bitmime',
    smtputf8: false,
    arrivedAt: T0,
    expiresAt: T0 + 5 * DAY,
    recipients: recipients.map((text) => {
      const [localPart = '', domain = ''] = text.split('@');
      return { address: { localPart, domain } };
    }),
    content: { data: Buffer.from('Subject: x\r\n\r\nHello\r\n') },
    ...given,
  };
}

async function contentOf(queue: Queue, id: string, ...range: number[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of queue.content(id, ...range)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const ids = (entries: readonly QueueEntry[]): string[] => entries.map(({ id }) => id);
const NONE: ReadonlySet<string> = new Set();

const TESTS: { readonly [title: string]: (on: Ground) => Promise<void> } = {
  'an entry comes back as it was given, with a state a recipient': async ({ queue }) => {
    const notify = { success: true, failure: true, delay: false };
    const given = entry({
      envelopeId: 'env <1>',
      ret: 'hdrs',
      smtputf8: true,
      recipients: [
        {
          address: { localPart: 'grün', domain: 'x.test' },
          notify,
          originalRecipient: { type: 'rfc822', address: 'o@x' },
        },
        { address: { localPart: 'b', domain: 'y.test' }, notify: 'never' },
      ],
    });
    assert.equal(await queue.enqueue(given), given.id);
    const { content, recipients, ...rest } = given;
    const expected = { ...rest, held: false, size: (content as { data: Uint8Array }).data.length };
    const found = await queue.get(given.id);
    assert.ok(found);
    const { recipients: states, ...head } = found;
    assert.deepEqual(head, expected);
    const start = { state: 'pending', attempts: 0, nextAttemptAt: T0 };
    assert.deepEqual(
      states,
      recipients.map((path, index) => ({ ...path, index, ...start })),
    );
    assert.deepEqual(await contentOf(queue, given.id), Buffer.from((content as { data: Uint8Array }).data));
  },

  'the null reverse-path stays null': async ({ queue }) => {
    const given = entry({ reversePath: null });
    await queue.enqueue(given);
    assert.equal((await queue.get(given.id))?.reversePath, null);
  },

  'small and large contents, any range': async ({ queue }) => {
    for (const size of [0, 1, 262_144, 262_145, 1_000_003]) {
      const data = Buffer.alloc(size, 'abcdefg');
      const given = entry({ content: { data } });
      await queue.enqueue(given);
      assert.deepEqual(await contentOf(queue, given.id), data);
      for (const [start, end] of [
        [0, 10],
        [5, 5],
        [size - 1, size + 5],
        [size, size + 1],
        [262_140, 262_150],
      ] as const) {
        const from = Math.max(0, start);
        assert.deepEqual(
          await contentOf(queue, given.id, from, end),
          data.subarray(from, Math.max(from, end)),
          `${size}: ${from}-${end}`,
        );
      }
      assert.equal((await queue.get(given.id))?.size, size);
    }
    await assert.rejects(contentOf(queue, 'nothing'), { failure: 'no-such-message' });
  },

  'a spool file is taken over': async ({ queue, spool }) => {
    for (const size of [100, 600_000]) {
      const file = join(spool, newId('queue', random));
      const data = Buffer.alloc(size, 'spool');
      writeFileSync(file, data);
      const given = entry({ content: { file, size } });
      await queue.enqueue(given);
      assert.equal(existsSync(file), false);
      assert.deepEqual(await contentOf(queue, given.id), data);
      assert.equal((await queue.get(given.id))?.size, size);
    }
  },

  'the same delivery id again is the first entry, also after it ended': async ({ queue, spool, clock }) => {
    const first = entry();
    await queue.enqueue(first);
    const file = join(spool, newId('queue', random));
    writeFileSync(file, 'again');
    const again = entry({ deliveryId: first.deliveryId, content: { file, size: 5 } });
    assert.equal(await queue.enqueue(again), first.id);
    assert.equal(existsSync(file), false, 'nobody else will remove it');
    assert.equal((await queue.counts()).messages, 1);
    assert.equal((await contentOf(queue, first.id)).length, 21);
    await queue.settle(first.id, [{ index: 0, at: T0, verdict: 'relayed' }], []);
    assert.equal(await queue.enqueue(entry({ deliveryId: first.deliveryId })), first.id);
    assert.equal((await queue.counts()).messages, 0);
    clock.move(60 * DAY);
    const late = entry({ deliveryId: first.deliveryId });
    assert.equal(await queue.enqueue(late), late.id, 'an id is not remembered for ever');
  },

  'what is no entry is refused': async ({ queue }) => {
    const taken = entry();
    await queue.enqueue(taken);
    await assert.rejects(queue.enqueue(entry({ recipients: [] })), { failure: 'bad-request' });
    await assert.rejects(queue.enqueue(entry({ id: '../../etc/passwd' })), { failure: 'bad-request' });
    await assert.rejects(queue.enqueue(entry({ id: taken.id })), { failure: 'exists' });
    assert.equal((await queue.counts()).messages, 1);
  },

  'due: earliest first, not before their time, not those in hand': async ({ queue }) => {
    const given = [entry({ arrivedAt: T0 + 20 }), entry({ arrivedAt: T0 + 10 }), entry({ arrivedAt: T0 + 30 })];
    assert.equal(await queue.nextDue(), undefined);
    for (const one of given) await queue.enqueue(one);
    const [b, a, c] = ids(given as unknown as QueueEntry[]) as [string, string, string];
    assert.equal(await queue.nextDue(), T0 + 10);
    assert.deepEqual(ids(await queue.due(T0 + 9, 10, NONE)), []);
    assert.deepEqual(ids(await queue.due(T0 + 25, 10, NONE)), [a, b]);
    assert.deepEqual(ids(await queue.due(T0 + 30, 10, NONE)), [a, b, c]);
    assert.deepEqual(ids(await queue.due(T0 + 30, 2, NONE)), [a, b]);
    assert.deepEqual(ids(await queue.due(T0 + 30, 2, new Set([a]))), [b, c]);
    const [whole] = await queue.due(T0 + 10, 1, NONE);
    assert.deepEqual(whole, await queue.get(a));
  },

  'outcomes move each recipient by itself; the last one ends the entry': async ({ queue }) => {
    const given = entry({}, ['a@x.test', 'b@y.test', 'c@z.test']);
    await queue.enqueue(given);
    const busy = reply(450, '2.0', 'later');
    const deferred: Outcome = {
      index: 1,
      at: T0 + 5,
      verdict: 'deferred',
      nextAttemptAt: T0 + 900,
      reply: busy,
      remoteMta: 'mx.y.test',
    };
    await queue.settle(
      given.id,
      [{ index: 0, at: T0 + 4, verdict: 'relayed', reply: reply(250, undefined, 'ok') }, deferred],
      [],
    );
    const found = (await queue.get(given.id))!;
    assert.deepEqual(
      found.recipients.map(({ state }) => state),
      ['relayed', 'pending', 'pending'],
    );
    const { lastReply, remoteMta, attempts, nextAttemptAt, lastAttemptAt, delayNotifiedAt } = found.recipients[1]!;
    assert.deepEqual(
      [lastReply, remoteMta, attempts, nextAttemptAt, lastAttemptAt],
      [busy, 'mx.y.test', 1, T0 + 900, T0 + 5],
    );
    assert.equal(delayNotifiedAt, undefined);
    assert.equal(await queue.nextDue(), T0, 'c is still due');
    await queue.settle(given.id, [{ index: 2, at: T0 + 6, verdict: 'failed' }], []);
    assert.equal(await queue.nextDue(), T0 + 900);
    assert.deepEqual(ids(await queue.due(T0 + 899, 10, NONE)), []);
    await queue.settle(
      given.id,
      [{ index: 1, at: T0 + 901, verdict: 'deferred', nextAttemptAt: T0 + 5000, delayNotified: true }],
      [],
    );
    const later = (await queue.get(given.id))!.recipients[1]!;
    assert.deepEqual([later.attempts, later.delayNotifiedAt, later.lastReply], [2, T0 + 901, undefined]);
    await queue.settle(given.id, [{ index: 1, at: T0 + 6 * DAY, verdict: 'expired' }], []);
    assert.equal(await queue.get(given.id), undefined);
    assert.equal(await queue.nextDue(), undefined);
    await assert.rejects(contentOf(queue, given.id), { failure: 'no-such-message' });
    assert.deepEqual(await queue.counts(), { messages: 0, recipients: 0 });
  },

  'reports are enqueued with the outcomes that cause them, once': async ({ queue }) => {
    const given = entry({}, ['a@x.test', 'b@x.test']);
    await queue.enqueue(given);
    const report = entry({ reversePath: null });
    const outcomes: Outcome[] = [{ index: 0, at: T0, verdict: 'failed', reply: reply(550, '1.1', 'no') }];
    await queue.settle(given.id, outcomes, [report]);
    assert.deepEqual(ids(await queue.list({ limit: 10 })), [given.id, report.id]);
    await queue.settle(given.id, outcomes, [entry({ reversePath: null })]);
    assert.deepEqual(ids(await queue.list({ limit: 10 })), [given.id, report.id], 'told twice, it changes nothing');
    assert.equal((await queue.get(given.id))!.recipients[0]!.attempts, 1);
    await queue.settle('gone', outcomes, [entry()]);
    assert.equal((await queue.counts()).messages, 2);
  },

  'a report that is refused takes its outcomes with it': async ({ queue }) => {
    const given = entry();
    await queue.enqueue(given);
    const before = await queue.get(given.id);
    const broken = entry({ recipients: [] });
    const settled = queue.settle(given.id, [{ index: 0, at: T0, verdict: 'failed' }], [entry(), broken]);
    await assert.rejects(settled, { failure: 'bad-request' });
    assert.deepEqual(await queue.get(given.id), before);
    assert.equal((await queue.counts()).messages, 1);
  },

  'hold, release, retry, drop': async ({ queue }) => {
    const [a, b] = [entry(), entry({}, ['x@y.test', 'z@y.test'])];
    await queue.enqueue(a);
    await queue.enqueue(b);
    await queue.settle(
      b.id,
      [
        { index: 0, at: T0, verdict: 'deferred', nextAttemptAt: T0 + 5000 },
        { index: 1, at: T0, verdict: 'relayed' },
      ],
      [],
    );
    assert.deepEqual(await queue.act('hold', [a.id, 'unknown'], T0), [a.id]);
    assert.equal((await queue.get(a.id))?.held, true);
    assert.deepEqual(ids(await queue.due(T0 + 10, 10, NONE)), []);
    assert.equal(await queue.nextDue(), T0 + 5000);
    assert.deepEqual(await queue.act('retry', [b.id], T0 + 7), [b.id]);
    assert.equal(await queue.nextDue(), T0 + 7);
    assert.deepEqual(
      (await queue.get(b.id))!.recipients.map(({ state }) => state),
      ['pending', 'relayed'],
    );
    await queue.act('retry', [a.id], T0 + 7);
    assert.deepEqual(ids(await queue.due(T0 + 10, 10, NONE)), [b.id], 'held is held');
    assert.deepEqual(await queue.act('release', 'all', T0), [a.id, b.id]);
    assert.deepEqual(ids(await queue.due(T0 + 10, 10, NONE)).sort(), [a.id, b.id].sort());
    assert.deepEqual(await queue.act('drop', [a.id], T0), [a.id]);
    assert.equal(await queue.get(a.id), undefined);
    assert.equal(await queue.enqueue(entry({ deliveryId: a.deliveryId })), a.id, 'a dropped one does not come back');
    assert.deepEqual(await queue.act('drop', 'all', T0), [b.id]);
    assert.deepEqual(await queue.counts(), { messages: 0, recipients: 0 });
  },

  'outcomes of a held entry count, and do not make it due': async ({ queue }) => {
    const given = entry({}, ['a@x.test', 'b@x.test']);
    await queue.enqueue(given);
    await queue.act('hold', [given.id], T0);
    await queue.settle(given.id, [{ index: 0, at: T0, verdict: 'deferred', nextAttemptAt: T0 + 1 }], []);
    assert.equal(await queue.nextDue(), undefined);
    await queue.act('release', [given.id], T0);
    assert.equal(await queue.nextDue(), T0);
  },

  'list pages through, oldest first; counts': async ({ queue }) => {
    const given = Array.from({ length: 7 }, (_, i) =>
      entry({ arrivedAt: T0 + 100 - i }, i === 0 ? ['a@x.test', 'b@x.test'] : ['c@x.test']),
    );
    for (const one of given) await queue.enqueue(one);
    const expected = given.map(({ id }) => id);
    const read: string[] = [];
    for (let after: string | undefined; ; after = read.at(-1)) {
      const page = await queue.list(after === undefined ? { limit: 3 } : { after, limit: 3 });
      if (page.length === 0) break;
      read.push(...ids(page));
    }
    assert.deepEqual(read, expected);
    assert.deepEqual(await queue.counts(), { messages: 7, recipients: 8, oldest: T0 + 94 });
  },

  'many at once': async ({ queue }) => {
    const given = Array.from({ length: 200 }, (_, i) => entry({ content: { data: Buffer.from(`message ${i}`) } }));
    assert.deepEqual(
      await Promise.all(given.map((one) => queue.enqueue(one))),
      given.map(({ id }) => id),
    );
    for (const i of [0, 99, 199]) assert.equal((await contentOf(queue, given[i]!.id)).toString(), `message ${i}`);
    await Promise.all(given.map(({ id }) => queue.settle(id, [{ index: 0, at: T0, verdict: 'delivered' }], [])));
    assert.equal((await queue.counts()).messages, 0);
  },

  'listeners hear of enqueue, settle and act': async ({ queue }) => {
    let heard = Promise.withResolvers<void>();
    const stop = queue.onChange(() => heard.resolve());
    // A client may hear once at the beginning.
    const next = async (work: () => Promise<unknown>) => {
      heard = Promise.withResolvers();
      await work();
      await heard.promise;
    };
    const given = entry();
    await next(() => queue.enqueue(given));
    await next(() => queue.act('retry', [given.id], T0));
    await next(() => queue.settle(given.id, [{ index: 0, at: T0, verdict: 'failed' }], []));
    stop();
  },

  'a tracked entry: pending and final recipients by envelope id, in order after a mark': async ({ queue, clock }) => {
    const tracked = { envelopeId: 's1', tracked: true } as const;
    const given = entry({ ...tracked, id: 'e1' }, ['a@x.test', 'b@y.test', 'c@z.test']);
    const other = entry({ envelopeId: 's1' });
    await queue.enqueue(given);
    await queue.enqueue(other);
    assert.equal(await queue.lastMark(), 0);
    assert.deepEqual(
      (await queue.track('s1')).map(({ entry, recipient }) => [entry, recipient.index, recipient.state]),
      [0, 1, 2].map((index) => ['e1', index, 'pending']),
      'an entry that is not tracked is not found, whatever its envelope id',
    );
    const refused = reply(550, '1.1', 'no such user');
    await queue.settle(
      given.id,
      [
        { index: 1, at: T0 + 1, verdict: 'failed', reply: refused, remoteMta: 'mx.y.test' },
        { index: 2, at: T0 + 1, verdict: 'deferred', nextAttemptAt: T0 + 900, reply: reply(450, '2.0', 'later') },
      ],
      [],
    );
    const [first] = await queue.outcomes(0, 10);
    assert.deepEqual((await queue.outcomes(0, 10)).length, 1);
    assert.deepEqual(
      [first?.envelopeId, first?.entry, first?.recipient.index, first?.recipient.lastReply, first?.recipient.remoteMta],
      ['s1', 'e1', 1, refused, 'mx.y.test'],
    );
    assert.equal(first?.recipient.lastAttemptAt, T0 + 1);
    await queue.settle(given.id, [{ index: 1, at: T0 + 5, verdict: 'relayed' }], []);
    await queue.settle(given.id, [{ index: 0, at: T0 + 6, verdict: 'relayed', reply: reply(250, '0.0', 'ok') }], []);
    await queue.act('drop', [given.id, other.id], T0);
    assert.equal(await queue.get(given.id), undefined);
    assert.deepEqual(
      (await queue.track('s1')).map(({ recipient }) => recipient.state),
      ['relayed', 'failed', 'dropped'],
    );
    const later = await queue.outcomes(first!.mark, 10);
    assert.deepEqual(
      later.map(({ recipient }) => recipient.index),
      [0, 2],
    );
    assert.deepEqual(await queue.outcomes(first!.mark, 1), later.slice(0, 1));
    assert.equal(await queue.lastMark(), later[1]!.mark);
    assert.deepEqual(await queue.track('s2'), []);
    clock.move(31 * DAY);
    await queue.enqueue(entry());
    assert.deepEqual(await queue.track('s1'), []);
    assert.equal(await queue.lastMark(), later[1]!.mark, 'marks do not come back');
  },

  'outcomes without an entry can be kept, once': async ({ queue }) => {
    const kept = {
      address: { localPart: 'a', domain: 'x.test' },
      index: 0,
      state: 'delivered' as const,
      attempts: 1,
      nextAttemptAt: T0,
      lastAttemptAt: T0,
      lastReply: reply(250, '0.0', 'ok'),
    };
    await queue.keep('s9', 'q1', [kept]);
    await queue.keep('s9', 'q1', [
      { ...kept, state: 'failed' },
      { ...kept, index: 1 },
    ]);
    assert.deepEqual(await queue.track('s9'), [
      { entry: 'q1', recipient: kept },
      { entry: 'q1', recipient: { ...kept, index: 1 } },
    ]);
    await assert.rejects(queue.keep('s9', 'q2', [{ ...kept, state: 'pending' }]), { failure: 'bad-request' });
    await assert.rejects(queue.enqueue(entry({ tracked: true })), { failure: 'bad-request' });
  },

  'what was answered survives a crash': async (on) => {
    const tracked = { tracked: true, envelopeId: 's' } as const;
    const [small, large, gone] = [entry(), entry({ content: { data: Buffer.alloc(500_000, 'L') } }), entry(tracked)];
    for (const one of [small, large, gone]) await on.queue.enqueue(one);
    await on.queue.settle(gone.id, [{ index: 0, at: T0, verdict: 'relayed' }], []);
    await on.queue.settle(small.id, [{ index: 0, at: T0, verdict: 'deferred', nextAttemptAt: T0 + 60_000 }], []);
    const before = await on.queue.list({ limit: 10 });
    const after = on.crash === undefined ? on.queue : await on.crash();
    assert.deepEqual(await after.list({ limit: 10 }), before);
    assert.equal((await contentOf(after, large.id)).length, 500_000);
    assert.equal(await after.nextDue(), T0);
    assert.equal(await after.enqueue(entry({ deliveryId: gone.deliveryId })), gone.id);
    assert.equal((await after.track('s')).length, 1);
  },
};
