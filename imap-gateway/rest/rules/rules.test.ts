import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { deliver } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const clear = (): Promise<unknown> => world.ask(world.alice, 'PUT', '/account/filters', { body: { items: [] } });
const names = async (): Promise<string[]> => {
  const { json } = await world.ask(world.alice, 'GET', '/account/filters');
  return (json.items as { name: string }[]).map(({ name }) => name);
};

async function add(name: string, more: object = {}): Promise<{ id: string; tag: string }> {
  const body = { name, when: { from: 'x' }, then: { keywords: ['$seen'] }, ...more };
  const { status, json, headers, text } = await world.ask(world.alice, 'POST', '/account/filters', { body });
  assert.equal(status, 201, text);
  assert.equal(headers.location, `/api/v1/account/filters/${json.id}`);
  return { id: json.id, tag: String(headers.etag) };
}

test('filters are made, changed, put in order and removed', async () => {
  await clear();
  const { mailboxes } = await world.store.mailboxes(world.alice.access);
  const archive = mailboxes.find(({ name }) => name === 'Archive')?.id;
  const one = await add('one', { then: { mailbox: 'Archive', forward: ['Bob@Alpha.test'] }, stop: true });
  await add('two');
  await add('zero', { position: 0 });
  assert.deepEqual(await names(), ['zero', 'one', 'two']);
  const path = `/account/filters/${one.id}`;
  const shown = await world.ask(world.alice, 'GET', path);
  const { id } = one;
  const kept = { id, name: 'one', enabled: true, when: { from: 'x' }, stop: true };
  assert.deepEqual(shown.json, { ...kept, then: { mailbox: archive, forward: ['Bob@alpha.test'] } });
  assert.equal(shown.headers.etag, one.tag);
  const patch = { enabled: false, position: 2, stop: false };
  const patched = await world.ask(world.alice, 'PATCH', path, { body: patch, headers: { 'if-match': one.tag } });
  assert.equal(patched.status, 200, patched.text);
  const { stop: _, ...rest } = kept;
  assert.deepEqual(patched.json, { ...rest, enabled: false, then: shown.json.then });
  assert.deepEqual(await names(), ['zero', 'two', 'one']);
  const put = { name: 'uno', when: {}, then: { discard: true } };
  assert.equal((await world.ask(world.alice, 'PUT', path, { body: put })).json.name, 'uno');
  assert.equal((await world.ask(world.alice, 'DELETE', path)).status, 204);
  assert.equal((await world.ask(world.alice, 'GET', path)).status, 404);
  assert.equal((await world.ask(world.alice, 'DELETE', path)).status, 404);
  assert.deepEqual(await names(), ['zero', 'two']);
});

test('the whole list is replaced; what was written of an older one is refused', async () => {
  await clear();
  const { id } = await add('one');
  const { json, headers } = await world.ask(world.alice, 'GET', '/account/filters');
  const tag = { 'if-match': String(headers.etag) };
  const same = { 'if-none-match': String(headers.etag) };
  assert.equal((await world.ask(world.alice, 'GET', '/account/filters', { headers: same })).status, 304);
  const items = [{ name: 'new', when: {}, then: { junk: true } }, ...json.items];
  const done = await world.ask(world.alice, 'PUT', '/account/filters', { body: { items }, headers: tag });
  assert.equal(done.status, 200, done.text);
  assert.deepEqual([done.json.items.length, done.json.items[1].id], [2, id]);
  const late = await world.ask(world.alice, 'PUT', '/account/filters', { body: { items: [] }, headers: tag });
  assert.equal(late.status, 412);
  const lateOne = { body: { name: 'x' }, headers: { 'if-match': '"other"' } };
  assert.equal((await world.ask(world.alice, 'PATCH', `/account/filters/${id}`, lateOne)).status, 412);
});

test('many at once: each filter that was answered is there', async () => {
  await clear();
  await Promise.all(Array.from({ length: 5 }, (_, i) => add(`f${i}`)));
  assert.deepEqual((await names()).sort(), ['f0', 'f1', 'f2', 'f3', 'f4']);
});

test('what makes no sense is refused', async () => {
  const bad: readonly (readonly [object, number])[] = [
    [{ then: { mailbox: 'Nowhere' } }, 404],
    [{ then: { junk: true, discard: true } }, 400],
    [{ then: { forward: ['alice@alpha.test'] } }, 400],
    [{ then: {} }, 400],
    [{ then: { keywords: ['a b'] } }, 400],
    [{ when: { subject: '' } }, 400],
    [{ when: { nonsense: 'x' } }, 400],
    [{ position: -1 }, 400],
  ];
  for (const [part, status] of bad) {
    const body = { name: 'bad', when: {}, then: { junk: true }, ...part };
    const answer = await world.ask(world.alice, 'POST', '/account/filters', { body });
    assert.equal(answer.status, status, `${JSON.stringify(part)}: ${answer.text}`);
  }
});

test('who may not read mail may not have it sent on, nor look into it', async () => {
  const token = await world.token({ account: world.alice.id, scopes: ['account'] });
  const body = { name: 'away', when: {}, then: { forward: ['x@far.test'] } };
  assert.equal((await world.ask(token, 'POST', '/account/filters', { body })).status, 403);
  assert.equal((await world.ask(token, 'PUT', '/account/filters', { body: { items: [body] } })).status, 403);
  await clear();
  const { id } = await add('one');
  const patch = { then: body.then };
  assert.equal((await world.ask(token, 'PATCH', `/account/filters/${id}`, { body: patch })).status, 403);
  assert.equal((await world.ask(token, 'POST', '/account/filters/test', { body: { message: 'm1' } })).status, 403);
  assert.equal((await world.ask(token, 'PATCH', `/account/filters/${id}`, { body: { name: 'ok' } })).status, 200);
});

test('trying filters out says what would happen, and does nothing', async () => {
  await clear();
  const text = 'From: Jörg <joerg@beta.test>\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nX-Tag: a\n\nneedle\n';
  const letter = await deliver(world, world.alice, text);
  const ask = async (filters?: readonly object[]) => {
    const body = { message: letter.id, ...(filters && { filters }) };
    const answer = await world.ask(world.alice, 'POST', '/account/filters/test', { body });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const nothing = { message: letter.id, sender: 'unlisted', matched: [], place: 'address', keywords: [], forward: [] };
  assert.deepEqual(await ask(), nothing);
  const { id } = await add('mine', { when: { text: 'NEEDLE' }, then: { mailbox: 'Archive', keywords: ['$flagged'] } });
  const { mailboxes } = await world.store.mailboxes(world.alice.access);
  const mailbox = mailboxes.find(({ name }) => name === 'Archive')?.id;
  const found = { ...nothing, matched: [{ id, name: 'mine' }], place: 'mailbox', mailbox, keywords: ['$flagged'] };
  assert.deepEqual(await ask(), found);
  const tried = await ask([
    { name: 'off', enabled: false, when: {}, then: { junk: true } },
    { name: 'header', when: { header: { name: 'X-TAG', contains: 'A' } }, then: { discard: true } },
    { name: 'on', when: { from: 'JÖRG', subject: 'GRÜSSE' }, then: { forward: ['x@far.test'] } },
  ]);
  assert.deepEqual([tried.place, tried.forward], ['trash', ['x@far.test']]);
  assert.deepEqual(
    tried.matched.map(({ name }: { name: string }) => name),
    ['header', 'on'],
  );
  await world.ask(world.alice, 'PUT', '/account/senders', { body: { allow: [], block: ['@beta.test'] } });
  assert.deepEqual(await ask(), { ...nothing, sender: 'blocked', place: 'refused' });
  await world.ask(world.alice, 'PUT', '/account/senders', { body: { allow: [], block: [] } });
  const foreign = await world.ask(world.bob, 'POST', '/account/filters/test', { body: { message: letter.id } });
  assert.equal(foreign.status, 404);
  assert.equal(
    (await world.store.mailboxes(world.alice.access)).mailboxes.find((one) => one.id === mailbox)?.messages,
    0,
  );
});

test('lists of senders have one form and an entity tag', async () => {
  const { alice, admin } = world;
  const before = await world.ask(alice, 'GET', '/account/senders');
  assert.deepEqual(before.json, { allow: [], block: [] });
  const tag = { 'if-match': String(before.headers.etag) };
  const body = { allow: ['Friend@Far.test'], block: ['@Bücher.example', '.far.test', '.FAR.test'] };
  const set = await world.ask(alice, 'PUT', '/account/senders', { body, headers: tag });
  assert.equal(set.status, 200, set.text);
  const kept = { allow: ['friend@far.test'], block: ['@xn--bcher-kva.example', '.far.test'] };
  assert.deepEqual(set.json, kept);
  assert.equal((await world.ask(alice, 'PUT', '/account/senders', { body, headers: tag })).status, 412);
  assert.deepEqual((await world.ask(admin, 'GET', `/admin/accounts/${alice.id}/senders`)).json, kept);
  const bad = { allow: [], block: ['nonsense'] };
  assert.equal((await world.ask(alice, 'PUT', '/account/senders', { body: bad })).status, 400);
  assert.equal((await world.ask(alice, 'GET', '/admin/senders')).status, 403);
  const peer = { allow: [], block: ['.spam.test'] };
  assert.deepEqual((await world.ask(admin, 'PUT', '/admin/senders', { body: peer })).json, peer);
  assert.deepEqual(await world.directory.peerSenders(), peer);
});

test('an admin sets the filters of an account, by its address or id', async () => {
  const { admin, bob } = world;
  const body = { name: 'a', when: {}, then: { junk: true } };
  const made = await world.ask(admin, 'POST', `/admin/accounts/${bob.address}/filters`, { body });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.location, `/api/v1/admin/accounts/${bob.address}/filters/${made.json.id}`);
  const path = `/admin/accounts/${bob.id}/filters/${made.json.id}`;
  assert.equal((await world.ask(admin, 'PATCH', path, { body: { name: 'b' } })).json.name, 'b');
  assert.equal((await world.ask(bob, 'GET', '/account/filters')).json.items[0].name, 'b');
  assert.equal((await world.ask(admin, 'DELETE', path)).status, 204);
  assert.equal((await world.ask(admin, 'GET', '/admin/accounts/nobody/filters')).status, 404);
});
