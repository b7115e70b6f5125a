import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter, mailboxId } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const ask: RestWorld['ask'] = (...asked) => world.ask(...asked);

test('keywords are added, taken away and set, as IMAP’s flags', async () => {
  const { alice } = world;
  const { id, mailbox, uid } = await deliver(world, alice, letter('a'));
  const patch = async (body: object) => (await ask(alice, 'PATCH', `/messages/${id}`, { body })).json.keywords;
  assert.deepEqual(await patch({ addKeywords: ['$seen', '$Forwarded'] }), ['$forwarded', '$seen']);
  assert.deepEqual(await patch({ removeKeywords: ['$forwarded'], addKeywords: ['$flagged'] }), ['$flagged', '$seen']);
  const snapshot = await world.store.snapshot(alice.access, mailbox);
  const index = snapshot.uids.indexOf(uid);
  assert.deepEqual(snapshot.flagSets[snapshot.flags[index]!], ['\\Flagged', '\\Seen']);
  assert.deepEqual(await patch({ keywords: ['$draft'] }), ['$draft']);
  const before = (await world.store.accountState(alice.access)).modseq;
  assert.deepEqual(await patch({ keywords: ['$draft'] }), ['$draft']);
  assert.equal((await world.store.accountState(alice.access)).modseq, before, 'nothing is committed for nothing');
  for (const body of [
    { keywords: ['a b'] },
    { keywords: ['\\Deleted'] },
    { keywords: [], addKeywords: ['a'] },
    { flags: [] },
  ]) {
    assert.equal((await ask(alice, 'PATCH', `/messages/${id}`, { body })).status, 400, JSON.stringify(body));
  }
});

test('mailboxes: copy, move, and out of one of two', async () => {
  const { alice } = world;
  const { id, mailbox: inbox } = await deliver(world, alice, letter('m'), { flags: ['\\Flagged'] });
  const [sent, archive] = [await mailboxId(world, alice, 'Sent'), await mailboxId(world, alice, 'Archive')];
  const patch = async (body: object) => (await ask(alice, 'PATCH', `/messages/${id}`, { body })).json;
  assert.deepEqual((await patch({ addMailboxIds: [sent] })).mailboxIds, [inbox, sent].sort());
  assert.deepEqual((await patch({ removeMailboxIds: [inbox], addKeywords: ['x'] })).mailboxIds, [sent]);
  const moved = await patch({ mailboxIds: [archive, inbox] });
  assert.deepEqual([moved.mailboxIds, moved.keywords], [[archive, inbox].sort(), ['$flagged', 'x']]);
  assert.deepEqual((await patch({ mailboxIds: [archive] })).mailboxIds, [archive]);
  const found = await world.store.placements(alice.access, [id]);
  assert.equal(found.length, 1);
  const none = await ask(alice, 'PATCH', `/messages/${id}`, { body: { removeMailboxIds: [archive] } });
  assert.equal(none.status, 400);
  const foreign = await mailboxId(world, world.bob, 'INBOX');
  for (const to of ['nowhere', foreign]) {
    const { status, json } = await ask(alice, 'PATCH', `/messages/${id}`, { body: { mailboxIds: [to] } });
    assert.deepEqual([status, json.code], [404, 'no-such-mailbox']);
  }
  assert.equal((await ask(world.bob, 'PATCH', `/messages/${id}`, { body: { keywords: [] } })).status, 404);
});

test('If-Match keeps a change from what has changed since', async () => {
  const { alice } = world;
  const { id, mailbox, uid } = await deliver(world, alice, letter('e'));
  const { headers } = await ask(alice, 'GET', `/messages/${id}`);
  const tag = { 'if-match': String(headers.etag) };
  const first = await ask(alice, 'PATCH', `/messages/${id}`, { body: { addKeywords: ['a'] }, headers: tag });
  assert.equal(first.status, 200);
  assert.notEqual(first.headers.etag, headers.etag);
  const second = await ask(alice, 'PATCH', `/messages/${id}`, { body: { addKeywords: ['b'] }, headers: tag });
  assert.equal(second.status, 412);
  assert.equal((await ask(alice, 'DELETE', `/messages/${id}`, { headers: tag })).status, 412);
  await change(world, alice, { type: 'set-flags', mailbox, uids: [[uid, uid]], change: 'add', flags: ['c'] });
  const third = await ask(alice, 'PATCH', `/messages/${id}`, {
    body: { addKeywords: ['b'] },
    headers: { 'if-match': String(first.headers.etag) },
  });
  assert.equal(third.status, 412);
});

test('of changes that demand the same state at the same moment, one is made', async () => {
  const { alice } = world;
  const [archive, sent] = [await mailboxId(world, alice, 'Archive'), await mailboxId(world, alice, 'Sent')];
  const { id, mailbox } = await deliver(world, alice, letter('raced'));
  const { headers } = await ask(alice, 'GET', `/messages/${id}`);
  const tag = { 'if-match': String(headers.etag) };
  const answers = await Promise.all([
    ask(alice, 'PATCH', `/messages/${id}`, { body: { mailboxIds: [archive] }, headers: tag }),
    ask(alice, 'PATCH', `/messages/${id}`, { body: { mailboxIds: [sent] }, headers: tag }),
    ask(alice, 'DELETE', `/messages/${id}`, { headers: tag }),
  ]);
  const made = answers.filter(({ status }) => status < 300);
  assert.deepEqual(
    [made.length, answers.filter(({ status }) => status === 412).length],
    [1, 2],
    answers.map(({ status }) => status).join(),
  );
  const now = (await ask(alice, 'GET', `/messages/${id}`)).json.mailboxIds;
  assert.ok(now.length === 1 && now[0] !== mailbox);
});

test('deleting goes through the Trash, and from there for good', async () => {
  const { alice } = world;
  const { id } = await deliver(world, alice, letter('d'));
  const trash = await mailboxId(world, alice, 'Trash');
  await ask(alice, 'PATCH', `/messages/${id}`, { body: { addMailboxIds: [await mailboxId(world, alice, 'Sent')] } });
  assert.equal((await ask(alice, 'DELETE', `/messages/${id}`)).status, 204);
  assert.deepEqual((await ask(alice, 'GET', `/messages/${id}`)).json.mailboxIds, [trash]);
  assert.equal((await ask(alice, 'DELETE', `/messages/${id}`)).status, 204);
  assert.equal((await ask(alice, 'GET', `/messages/${id}`)).status, 404);
  assert.equal((await ask(alice, 'DELETE', `/messages/${id}`)).status, 404);
  const other = await deliver(world, alice, letter('p'));
  assert.equal((await ask(alice, 'DELETE', `/messages/${other.id}`, { query: { permanent: 'true' } })).status, 204);
  assert.deepEqual(await world.store.placements(alice.access, [id, other.id]), []);
});

test('a Trash is made where there is none', async () => {
  const { bob } = world;
  const { id } = await deliver(world, bob, letter('d'));
  await change(world, bob, { type: 'delete-mailbox', mailbox: await mailboxId(world, bob, 'Trash') });
  assert.equal((await ask(bob, 'DELETE', `/messages/${id}`)).status, 204);
  assert.deepEqual((await ask(bob, 'GET', `/messages/${id}`)).json.mailboxIds, [await mailboxId(world, bob, 'Trash')]);
});

test('many at once, by ids or by what a search finds', async () => {
  const { admin } = world;
  const made = [];
  for (let i = 0; i < 6; i++) made.push(await deliver(world, admin, letter(i % 2 === 0 ? `even ${i}` : `odd ${i}`)));
  const inbox = made[0]!.mailbox;
  const archive = await mailboxId(world, admin, 'Archive');
  const bulk = (body: object) => ask(admin, 'POST', '/messages/bulk', { body });
  const ids = made.slice(0, 2).map(({ id }) => id);
  const before = (await world.store.accountState(admin.access)).modseq;
  const marked = await bulk({ ids: [...ids, 'nobody'], change: { addKeywords: ['$seen'], mailboxIds: [archive] } });
  assert.deepEqual([marked.status, marked.json], [200, { changed: 2, notFound: ['nobody'] }]);
  assert.equal((await world.store.accountState(admin.access)).modseq, before + 1, 'one commit');
  assert.deepEqual((await ask(admin, 'GET', `/messages/${ids[1]}`)).json.mailboxIds, [archive]);
  assert.deepEqual((await bulk({ q: 'subject:even is:unread', change: { addKeywords: ['$flagged'] } })).json, {
    changed: 2,
    notFound: [],
  });
  assert.deepEqual((await bulk({ mailbox: inbox, q: 'is:flagged', delete: 'trash' })).json.changed, 2);
  assert.deepEqual((await bulk({ mailbox: inbox, delete: 'permanent' })).json.changed, 2);
  assert.equal((await ask(admin, 'GET', '/messages', { query: { mailbox: inbox } })).json.items.length, 0);
  const refused = await bulk({ ids, change: { mailboxIds: [archive, 'nowhere'], addKeywords: ['late'] } });
  assert.equal(refused.status, 404);
  assert.deepEqual((await ask(admin, 'GET', `/messages/${ids[0]}`)).json.keywords, ['$seen'], 'all or nothing');
  for (const body of [
    { ids },
    { change: {} },
    { ids, q: 'x', delete: 'trash' },
    { ids, delete: 'trash', change: {} },
  ]) {
    assert.equal((await bulk(body)).status, 400);
  }
});
