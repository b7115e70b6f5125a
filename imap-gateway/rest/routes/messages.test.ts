import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter, mailboxId } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

type Json = { id: string; subject: string; uid: number };

async function subjects(query: Record<string, string>, user = world.alice): Promise<string[]> {
  const all: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const { status, json, text } = await world.ask(user, 'GET', '/messages', {
      query: { ...query, ...(cursor && { cursor }) },
    });
    assert.equal(status, 200, text);
    all.push(...json.items.map((item: Json) => item.subject));
    if (json.next === undefined) return all;
    cursor = json.next;
  }
}

test('a list has the newest first, with what a message is', async () => {
  const { alice } = world;
  const first = await deliver(world, alice, letter('one', 'Message-ID: <one@x>\nCc: Carol <carol@x.test>\n'), {
    at: '2026-01-01T10:00:00Z',
    flags: ['\\Seen', 'Work'],
  });
  await deliver(world, alice, letter('three'), { at: '2026-01-03T10:00:00Z' });
  await deliver(world, alice, letter('two'), { at: '2026-01-02T10:00:00Z' });
  const { json, headers } = await world.ask(alice, 'GET', '/messages', { query: { mailbox: first.mailbox } });
  assert.deepEqual(
    json.items.map((item: Json) => item.subject),
    ['three', 'two', 'one'],
  );
  assert.equal(json.next, undefined);
  assert.deepEqual(json.items[2], {
    id: first.id,
    threadId: first.thread,
    size: json.items[2].size,
    receivedAt: '2026-01-01T10:00:00.000Z',
    subject: 'one',
    from: [{ name: 'Alice', email: 'alice@alpha.test' }],
    to: [{ name: '', email: 'bob@beta.test' }],
    cc: [{ name: 'Carol', email: 'carol@x.test' }],
    bcc: [],
    replyTo: [],
    messageId: 'one@x',
    inReplyTo: [],
    references: [],
    preview: 'Some text.',
    hasAttachment: false,
    mailboxIds: [first.mailbox],
    keywords: ['$seen', 'work'],
    mailboxId: first.mailbox,
    uid: first.uid,
  });
  const again = await world.ask(alice, 'GET', '/messages', {
    query: { mailbox: first.mailbox },
    headers: { 'if-none-match': String(headers.etag) },
  });
  assert.equal(again.status, 304);
});

test('pages stay right while mail comes and goes', async () => {
  const { bob } = world;
  const day = (n: number): string => `2026-02-${String(n).padStart(2, '0')}T00:00:00Z`;
  const made = [];
  for (let n = 1; n <= 9; n++) made.push(await deliver(world, bob, letter(`n${n}`), { at: day(n) }));
  const page = (cursor?: string) =>
    world.ask(bob, 'GET', '/messages', { query: { limit: '4', ...(cursor && { cursor }) } });
  const one = await page();
  assert.deepEqual(
    one.json.items.map((item: Json) => item.subject),
    ['n9', 'n8', 'n7', 'n6'],
  );
  await deliver(world, bob, letter('new'), { at: day(20) });
  const { uid, mailbox } = made[5]!;
  await change(world, bob, { type: 'expunge', mailbox, uids: [[uid, uid]], onlyDeleted: false });
  const two = await page(one.json.next);
  assert.deepEqual(
    two.json.items.map((item: Json) => item.subject),
    ['n5', 'n4', 'n3', 'n2'],
  );
  await deliver(world, bob, letter('late, dated before'), { at: '2026-02-01T12:00:00Z' });
  const three = await page(two.json.next);
  assert.deepEqual(
    three.json.items.map((item: Json) => item.subject),
    ['late, dated before', 'n1'],
  );
  assert.equal(three.json.next, undefined);
});

test('a message in several mailboxes is listed once across the account, and is seen when it was seen everywhere', async () => {
  const { admin } = world;
  const [sent, trash] = [await mailboxId(world, admin, 'Sent'), await mailboxId(world, admin, 'Trash')];
  const at = '2026-03-01T00:00:00Z';
  const made = [];
  for (const name of ['a', 'b', 'c', 'd']) made.push(await deliver(world, admin, letter(name), { at }));
  const { mailbox } = made[0]!;
  await change(world, admin, { type: 'copy', from: mailbox, uids: [[1, 3]], to: sent });
  await change(world, admin, { type: 'move', from: mailbox, uids: [[4, 4]], to: trash });
  for (const limit of ['1', '2', '50']) {
    assert.deepEqual((await subjects({ limit }, admin)).sort(), ['a', 'b', 'c'], limit);
    assert.deepEqual((await subjects({ limit, q: 'in:anywhere' }, admin)).sort(), ['a', 'b', 'c', 'd']);
    assert.deepEqual(await subjects({ limit, mailbox: sent }, admin), ['c', 'b', 'a']);
  }
  await change(world, admin, {
    type: 'set-flags',
    mailbox,
    uids: [[1, 1]],
    change: 'add',
    flags: ['\\Seen', '\\Flagged'],
  });
  const { json } = await world.ask(admin, 'GET', '/messages', { query: { mailbox: sent } });
  assert.deepEqual(json.items[2].keywords, ['$flagged']);
  assert.deepEqual(json.items[2].mailboxIds, [mailbox, sent].sort());
  await change(world, admin, { type: 'set-flags', mailbox, uids: [[2, 2]], change: 'add', flags: ['\\Deleted'] });
  const after = await world.ask(admin, 'GET', '/messages', { query: { mailbox: sent } });
  assert.deepEqual(after.json.items[1].mailboxIds, [sent], 'what waits to be expunged is not there');
});

test('q= searches, and says what it does not understand', async () => {
  const user = world.alice;
  await deliver(world, user, letter('Holiday pictures', 'X: 1\n', 'sunny beach\n'), {
    mailbox: 'Archive',
    at: '2026-05-01T00:00:00Z',
  });
  const withFile = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n';
  await deliver(
    world,
    user,
    letter(
      'Report',
      withFile,
      '--b\n\nhere it is\n--b\nContent-Disposition: attachment; filename="Zahlen März.pdf"\n\nx\n--b--\n',
    ),
    { mailbox: 'Archive', at: '2026-05-02T00:00:00Z', flags: ['\\Flagged'] },
  );
  const find = (q: string): Promise<string[]> => subjects({ q });
  assert.deepEqual(await find('subject:report'), ['Report']);
  assert.deepEqual(await find('has:attachment'), ['Report']);
  assert.deepEqual(await find('filename:marz'), ['Report'], 'accents may be left out');
  assert.deepEqual(await find('-has:attachment in:archive'), ['Holiday pictures']);
  assert.deepEqual(await find('in:archive (is:flagged OR beach)'), ['Report', 'Holiday pictures']);
  assert.deepEqual(await find('"sunny beach"'), ['Holiday pictures']);
  assert.deepEqual(await find('filename:märz'), ['Report']);
  assert.deepEqual(await find('after:2026-05-02'), ['Report']);
  assert.deepEqual(await find('on:2026-05-01'), ['Holiday pictures']);
  assert.deepEqual(await find('is:unread subject:t larger:1k'), []);
  assert.deepEqual(await find('in:Archive'), ['Report', 'Holiday pictures']);
  for (const [q, at] of [
    ['is:purple', 1],
    ['(a OR b', 1],
    ['x in:nowhere', 0],
    ['before:tomorrow', 1],
    ['a OR', 3],
  ] as const) {
    const { status, json } = await world.ask(user, 'GET', '/messages', { query: { q } });
    assert.equal(status, 400, q);
    assert.equal(json.errors[0].path, '/query/q');
    if (at > 0) assert.match(json.errors[0].message, new RegExp(`at character ${at}\\)`));
  }
});

test('a list of what is not there, or is another one’s, is 404', async () => {
  const foreign = await mailboxId(world, world.bob, 'INBOX');
  for (const mailbox of ['nowhere', foreign]) {
    const { status, json } = await world.ask(world.alice, 'GET', '/messages', { query: { mailbox } });
    assert.deepEqual([status, json.code], [404, 'no-such-mailbox']);
  }
  const { status } = await world.ask(world.alice, 'GET', '/messages', { query: { cursor: 'bm8' } });
  assert.equal(status, 400);
});

test('what is asked for again may come compressed', async () => {
  const { alice } = world;
  for (let i = 0; i < 5; i++) await deliver(world, alice, letter(`compressed ${i}`));
  const ask = (headers: Record<string, string> = {}) =>
    world.ask(alice, 'GET', '/messages', { query: { limit: '5' }, headers });
  const plain = await ask();
  const packed = await ask({ 'accept-encoding': 'br, gzip' });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(packed.bytes).toString(), plain.text);
  for (const accepted of ['identity', 'gzip;q=0', 'gzip; q=0.0, identity']) {
    const { headers, text } = await ask({ 'accept-encoding': accepted });
    assert.deepEqual([headers['content-encoding'], text], [undefined, plain.text], accepted);
  }
});
