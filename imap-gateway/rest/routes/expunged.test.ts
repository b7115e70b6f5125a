import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestUser, type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter, mailboxId } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const ask: RestWorld['ask'] = (...asked) => world.ask(...asked);

async function deliverAndDelete(user: RestUser, ...subjects: string[]) {
  const made = [];
  for (const subject of subjects) {
    const one = await deliver(world, user, letter(subject), { flags: ['\\Seen'] });
    assert.equal((await ask(user, 'DELETE', `/messages/${one.id}?permanent=true`)).status, 204);
    await world.clock.advance(1_000);
    made.push(one);
  }
  return made;
}

const restore = (user: RestUser, body: object, path = '') => ask(user, 'POST', `${path}/expunged/restore`, { body });

test('what was deleted for good is listed, page by page, and comes back where it was', async () => {
  const { alice, bob } = world;
  const made = await deliverAndDelete(alice, 'one', 'two', 'three');
  const { json: all } = await ask(alice, 'GET', '/expunged');
  assert.deepEqual(
    all.items.map(({ subject }: { subject: string }) => subject),
    ['three', 'two', 'one'],
  );
  const { id, mailbox, keywords, threadId, from, hasAttachment } = all.items[0];
  assert.deepEqual([id, threadId, keywords, hasAttachment], [made[2]!.id, made[2]!.thread, ['$seen'], false]);
  assert.deepEqual(mailbox, { id: made[2]!.mailbox, name: 'INBOX', removed: false });
  assert.equal(typeof from[0].email, 'string');
  const seen: string[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await ask(alice, 'GET', '/expunged', { query: { limit: '2', ...(cursor && { cursor }) } });
    seen.push(...page.json.items.map((item: { id: string }) => item.id));
    cursor = page.json.next;
  }
  assert.deepEqual(seen, made.map((one) => one.id).toReversed());
  const since = { since: all.items[1].expungedAt };
  assert.equal((await ask(alice, 'GET', '/expunged', { query: since })).json.items.length, 2);
  assert.deepEqual((await ask(bob, 'GET', '/expunged')).json.items, []);

  const back = await restore(alice, { ids: [id, 'nothing'] });
  assert.equal(back.status, 200, back.text);
  const { restored, messages, present, gone } = back.json;
  assert.deepEqual([restored, present, gone], [1, [], ['nothing']]);
  assert.deepEqual(messages[0].mailboxId, made[2]!.mailbox);
  assert.ok(messages[0].uid > made[2]!.uid, 'a UID is never used again');
  const { json: message } = await ask(alice, 'GET', `/messages/${id}`);
  assert.deepEqual([message.subject, message.keywords, message.threadId], ['three', ['$seen'], threadId]);
  assert.deepEqual((await restore(alice, { ids: [id] })).json, { restored: 0, messages: [], present: [id], gone: [] });
  assert.deepEqual((await restore(bob, { ids: [made[0]!.id] })).json.gone, [made[0]!.id], 'another one’s is not there');
  assert.equal((await restore(alice, since)).json.restored, 1);
  assert.equal((await ask(alice, 'GET', '/expunged')).json.items.length, 1);
});

test('into another mailbox, over the quota, and nonsense', async () => {
  const { alice, bob } = world;
  const [one] = await deliverAndDelete(bob, 'four');
  const archive = await mailboxId(world, bob, 'Archive');
  for (const body of [{}, { ids: [] }, { ids: ['a'], since: '2026-01-01T00:00:00Z' }, { since: 'yesterday' }]) {
    assert.equal((await restore(bob, body)).status, 400, JSON.stringify(body));
  }
  const ids = [one!.id];
  const foreign = await mailboxId(world, alice, 'INBOX');
  assert.equal((await restore(bob, { ids, mailbox: foreign })).json.code, 'no-such-mailbox');
  await change(world, bob, { type: 'set-quota', bytes: 1 });
  assert.equal((await restore(bob, { ids })).json.code, 'over-quota');
  assert.equal((await restore(bob, { since: '2020-01-01T00:00:00Z' })).json.code, 'over-quota');
  await change(world, bob, { type: 'set-quota', bytes: null });
  assert.deepEqual((await restore(bob, { ids, mailbox: archive })).json.messages[0].mailboxId, archive);
  assert.equal((await ask(bob, 'GET', '/expunged', { query: { cursor: 'eA' } })).status, 400);
});

test('an admin brings back a whole mailbox that somebody has removed, in commits of some hundred', async () => {
  const { alice, bob, admin } = world;
  const { json: made } = await ask(bob, 'POST', '/mailboxes', { body: { name: 'Old/Letters' } });
  for (let i = 0; i < 3; i++) await deliver(world, bob, letter(`L${i}`), { mailbox: 'Old/Letters' });
  await change(world, bob, ...Array.from({ length: 10 }, () => copyAll(made.id)));
  assert.equal((await ask(bob, 'DELETE', `/mailboxes/${made.id}`)).status, 204);
  const path = `/admin/accounts/${bob.address}`;
  const { json: list } = await ask(admin, 'GET', `${path}/expunged`, { query: { limit: '10' } });
  assert.deepEqual(list.items[0].mailbox, { id: made.id, name: 'Old/Letters', removed: true });
  assert.equal((await ask(alice, 'GET', `${path}/expunged`)).status, 403);
  const back = await restore(admin, { since: '2020-01-01T00:00:00Z' }, path);
  assert.equal(back.json.restored, 3, 'a message comes back once, however often it was there');
  const mailboxes: { id: string; name: string; messages: number }[] = (await ask(bob, 'GET', '/mailboxes')).json.items;
  const letters = mailboxes.find(({ name }) => name === 'Old/Letters');
  assert.equal(letters?.messages, 3);
  assert.notEqual(letters?.id, made.id);
  const { json } = await ask(bob, 'GET', '/messages', { query: { mailbox: letters!.id } });
  assert.deepEqual(json.items.map(({ subject }: { subject: string }) => subject).sort(), ['L0', 'L1', 'L2']);
  assert.equal((await ask(admin, 'GET', '/admin/accounts/nobody@alpha.test/expunged')).status, 404);
});

const copyAll = (mailbox: string) => ({ type: 'copy', from: mailbox, uids: [[1, 3]], to: mailbox }) as const;
