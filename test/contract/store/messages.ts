import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { CONTENT_COLUMN_LIMIT } from '#store/store.ts';
import { single } from '#store/uid-set.ts';
import { inline, sketch, utc } from '../fixtures.ts';
import { collectOf, type Ground, HOUR, resultOf } from './kit.ts';

export const messages = {
  'add-message assigns UIDs that ascend, and answers what it assigned': async (on: Ground) => {
    const user = await on.user();
    const given = [user.add(), user.add(user.work), user.add()];
    const answer = await user.ok(...given);
    const results = given.map((_, i) => resultOf(answer, 'add-message', i));
    assert.deepEqual(
      results.map(({ uid }) => uid),
      [1, 1, 2],
    );
    assert.deepEqual(
      results.map(({ message }) => message),
      given.map(({ message }) => message.id),
    );
    assert.equal(results[0]!.uidValidity, (await user.mailbox()).uidValidity);
    assert.deepEqual(await user.uids(), [1, 2]);
    const { uidNext, messages: n, unseen, highestModseq } = await user.mailbox();
    assert.deepEqual([uidNext, n, unseen, highestModseq], [3, 2, 2, answer.modseq]);
  },

  'a message comes back octet for octet, prefix first': async (on: Ground) => {
    const user = await on.user();
    const { message, content } = sketch({ prefix: 'Return-Path: <a@b.test>\r\n', text: 'no line end: \xfc\0' });
    await user.ok({ type: 'add-message', mailbox: user.inbox, message, flags: [] });
    assert.deepEqual(await user.content(user.inbox, 1), content);
    const [row] = await user.rows(user.inbox, { content: true, rawHeader: true });
    assert.deepEqual(Buffer.from(row!.content!), content);
    const headerEnd = content.indexOf('\r\n\r\n') + 4;
    assert.deepEqual(Buffer.from(row!.rawHeader!), content.subarray(0, headerEnd));
    assert.equal(row!.size, content.length);
    assert.equal(row!.prefixLength, message.prefix.length);
    assert.equal((await user.mailbox()).size, content.length);
    assert.equal((await on.store.accountState(user.access)).usedBytes, content.length);
  },

  'octets of any range, clipped to the content': async (on: Ground) => {
    const user = await on.user();
    const { message, content } = sketch({ prefix: 'Delivered-To: x@y.test\r\n' });
    await user.ok({ type: 'add-message', mailbox: user.inbox, message, flags: [] });
    const n = content.length;
    const p = message.prefix.length;
    for (const [start, end] of [
      [0, 5],
      [p - 2, p + 3],
      [p, n],
      [n - 1, n + 100],
      [3, 3],
      [n, n + 1],
      [n + 7, n + 9],
      [0, 1e12],
    ] as const) {
      assert.deepEqual(await user.content(user.inbox, 1, start, end), content.subarray(start, end), `${start}-${end}`);
    }
  },

  'columns come as they were stored, and only those asked for': async (on: Ground) => {
    const user = await on.user();
    const date = { time: Date.parse('2026-02-03T10:00:00Z'), zone: -330 };
    const { message } = sketch({
      subject: 'Grüße',
      messageId: 'one@alpha.test',
      date,
      internalDate: { time: 1_600_000_000_000, zone: 120 },
    });
    await user.ok({ type: 'add-message', mailbox: user.inbox, message, flags: [] });
    const columns = { envelope: true, body: true, bodystructure: true, parts: true, headers: true, preview: true };
    const [row] = await user.rows(user.inbox, columns);
    assert.ok(row);
    const { index } = message;
    assert.deepEqual(Buffer.from(row.envelope!), Buffer.from(index.envelope));
    assert.deepEqual(Buffer.from(row.body!), Buffer.from(index.body));
    assert.deepEqual(Buffer.from(row.bodystructure!), Buffer.from(index.bodystructure));
    assert.deepEqual(row.parts, index.root);
    assert.deepEqual(row.headers, index.headers);
    assert.equal(row.preview, index.preview);
    assert.deepEqual(row.internalDate, message.internalDate);
    assert.equal(row.savedAt, on.clock.now());
    const [bare] = await user.rows();
    for (const column of [...Object.keys(columns), 'rawHeader', 'content']) assert.ok(!(column in bare!), column);
  },

  'messages come in the order of their UIDs, those that exist': async (on: Ground) => {
    const user = await on.user();
    await user.fill(user.inbox, 300);
    const uids = [
      [5, 7],
      [299, 0xffff_ffff],
    ] as const;
    assert.deepEqual(
      (await user.rows(user.inbox, {}, { uids })).map(({ uid }) => uid),
      [5, 6, 7, 299, 300],
    );
    const all = await user.rows(user.inbox, { headers: true });
    assert.deepEqual(
      all.map(({ uid }) => uid),
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
    assert.equal(all[41]!.headers!.subject, 'Number 42');
    assert.deepEqual(await user.rows(user.inbox, {}, { uids: [] }), []);
  },

  'the content column leaves large messages to content()': async (on: Ground) => {
    const user = await on.user();
    const body = await on.store.stage(user.owner, one(Buffer.alloc(CONTENT_COLUMN_LIMIT + 1, 'x')));
    const { message } = sketch();
    await user.ok({ type: 'add-message', mailbox: user.inbox, message: { ...message, body }, flags: [] });
    const [row] = await user.rows(user.inbox, { content: true });
    assert.ok(row && !('content' in row && row.content !== undefined));
    assert.equal((await user.content(user.inbox, 1)).length, CONTENT_COLUMN_LIMIT + 1);
  },

  'a staged body is served like any other, whatever its chunks were': async (on: Ground) => {
    const user = await on.user();
    const data = randomBytes(900_001);
    const body = await on.store.stage(user.owner, sliced(data, 65_537));
    assert.equal(body.length, data.length);
    const { message } = sketch({ prefix: 'Delivered-To: a@b.test\r\n' });
    await user.ok({ type: 'add-message', mailbox: user.inbox, message: { ...message, body }, flags: [] });
    const whole = Buffer.concat([message.prefix, data]);
    assert.deepEqual(await user.content(user.inbox, 1), whole);
    assert.deepEqual(await user.content(user.inbox, 1, 262_100, 600_000), whole.subarray(262_100, 600_000));
  },

  'a body that is too large is refused while it comes in': async (on: Ground) => {
    const user = await on.user();
    const endless = (async function* () {
      for (;;) yield Buffer.alloc(100_000);
    })();
    await assert.rejects(on.store.stage(user.owner, endless), { failure: 'too-large' });
  },

  'a staging that breaks off leaves nothing, and says why': async (on: Ground) => {
    const user = await on.user();
    const broken = (async function* () {
      yield Buffer.alloc(100_000);
      throw new Error('the sender went away');
    })();
    await assert.rejects(on.store.stage(user.owner, broken), /the sender went away/);
  },

  'several stagings at once do not mix': async (on: Ground) => {
    const user = await on.user();
    const bodies = Array.from({ length: 4 }, (_, i) => Buffer.alloc(200_000 + i, 65 + i));
    const refs = await Promise.all(bodies.map((data) => on.store.stage(user.owner, sliced(data, 30_000))));
    await user.ok(...refs.map((body) => ({ ...user.add(), message: { ...sketch().message, body } })));
    for (const [i, data] of bodies.entries()) assert.deepEqual(await user.content(user.inbox, i + 1), data);
  },

  'a reference to a body that is not there is temporary trouble': async (on: Ground) => {
    const user = await on.user();
    const { data: _, ...body } = inline(Buffer.from('x'));
    await user.refused('unavailable', [{ ...user.add(), message: { ...sketch().message, body } }]);
  },

  'several messages and accounts may share one body': async (on: Ground) => {
    const [user, other] = [await on.user(), await on.user()];
    const { message, content } = sketch();
    const again = { ...message, id: sketch().message.id, prefix: Buffer.from('X: y\r\n') };
    await user.ok({ type: 'add-message', mailbox: user.inbox, message, flags: [] });
    await user.ok({ type: 'add-message', mailbox: user.work, message: again, flags: [] });
    await other.ok({ type: 'add-message', mailbox: other.inbox, message, flags: [] });
    await user.ok({ type: 'expunge', mailbox: user.inbox, onlyDeleted: false });
    on.clock.move(2 * HOUR);
    await on.harness.collect();
    assert.deepEqual(await user.content(user.work, 1), Buffer.concat([Buffer.from('X: y\r\n'), content]));
    assert.deepEqual(await other.content(other.inbox, 1), content);
  },

  'the same message id again is one more placement of that message': async (on: Ground) => {
    const user = await on.user();
    const { message } = sketch();
    const answer = await user.ok(
      { type: 'add-message', mailbox: user.inbox, message, flags: [] },
      { type: 'add-message', mailbox: user.work, message, flags: ['\\Seen'] },
    );
    const [a, b] = [resultOf(answer, 'add-message', 0), resultOf(answer, 'add-message', 1)];
    assert.deepEqual([a.message, a.thread], [b.message, b.thread]);
    assert.equal((await on.store.accountState(user.access)).usedMessages, 2);
  },

  'threads follow the message ids that messages name': async (on: Ground) => {
    const user = await on.user();
    const thread = async (given: Parameters<typeof sketch>[0]) =>
      resultOf(await user.ok(user.add(user.inbox, given)), 'add-message').thread;
    const root = await thread({ messageId: 'root@x.test' });
    const reply = await thread({ messageId: 'reply@x.test', inReplyTo: ['root@x.test'] });
    const deep = await thread({ messageId: 'deep@x.test', references: ['root@x.test', 'lost@x.test'] });
    const orphan = await thread({ messageId: 'orphan@x.test', inReplyTo: ['lost@x.test'] });
    assert.deepEqual([reply, deep, orphan], [root, root, root]);
    const other = await thread({ messageId: 'other@x.test' });
    const nameless = [await thread({}), await thread({})];
    assert.equal(new Set([root, other, ...nameless]).size, 4);
    assert.equal((await user.rows())[1]!.thread, root);
  },

  'threads of one account are not those of another': async (on: Ground) => {
    const [user, other] = [await on.user(), await on.user()];
    const threads = [];
    for (const one of [user, other])
      threads.push(resultOf(await one.ok(one.add(one.inbox, { messageId: 'a@x.test' })), 'add-message').thread);
    assert.notEqual(threads[0], threads[1]);
  },

  'dates far away and zones are kept': async (on: Ground) => {
    const user = await on.user();
    const dates = [
      utc('1970-01-01T00:00:00Z'),
      { time: -1_000_000, zone: 840 },
      { time: 4_102_444_800_000, zone: -720 },
    ];
    await user.ok(...dates.map((internalDate) => user.add(user.inbox, { internalDate })));
    assert.deepEqual(
      (await user.rows()).map((row) => row.internalDate),
      dates,
    );
  },

  'a mailbox or message that is not there is named so': async (on: Ground) => {
    const user = await on.user();
    await user.refused('no-such-mailbox', [user.add('nowhere')]);
    await assert.rejects(collectOf(on.store.content(user.access, user.inbox, 7, 0, 1)), { failure: 'no-such-message' });
    await assert.rejects(on.store.snapshot(user.access, 'nowhere'), { failure: 'no-such-mailbox' });
    await assert.rejects(on.store.delta(user.access, 'nowhere', 0), { failure: 'no-such-mailbox' });
    await assert.rejects(collectOf(on.store.messages(user.access, 'nowhere', single(1), {})), {
      failure: 'no-such-mailbox',
    });
    await assert.rejects(on.store.search(user.access, 'nowhere', { key: 'all' }), { failure: 'no-such-mailbox' });
  },
};

async function* one(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

async function* sliced(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}
