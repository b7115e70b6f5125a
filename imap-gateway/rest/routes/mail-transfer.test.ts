import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { deliver, letter, mailboxId } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const EML = 'From: a@beta.test\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\nSubject: eml\r\n\r\nHello\r\n';

test('a message is imported octet for octet, once for each Idempotency-Key', async () => {
  const { alice } = world;
  const archive = await mailboxId(world, alice, 'Archive');
  const send = (headers: Record<string, string> = {}, query: Record<string, string> = {}) =>
    world.ask(alice, 'POST', '/messages', { body: EML, type: 'message/rfc822', headers, query });
  const { status, json, text } = await send({}, { mailbox: archive, keywords: '$seen,Mine' });
  assert.equal(status, 201, text);
  const [{ id, mailboxId: at }] = json.messages;
  assert.deepEqual([json.imported, json.refused, at], [1, 0, archive]);
  assert.equal((await world.ask(alice, 'GET', `/messages/${id}/raw`)).text, EML);
  const parsed = await world.ask(alice, 'GET', `/messages/${id}`);
  assert.deepEqual([parsed.json.keywords, parsed.json.receivedAt], [['$seen', 'mine'], '2026-02-02T09:00:00.000Z']);
  const key = { 'idempotency-key': 'once' };
  const [one, two] = [await send(key), await send(key)];
  assert.equal(two.json.messages[0].id, one.json.messages[0].id);
  const dated = await send({}, { receivedAt: '2026-01-01T00:00:00Z' });
  const got = await world.ask(alice, 'GET', `/messages/${dated.json.messages[0].id}`);
  assert.equal(got.json.receivedAt, '2026-01-01T00:00:00.000Z');
});

test('an mbox is imported with its flags, and what can not be taken is told', async () => {
  const { alice } = world;
  const work = (await world.ask(alice, 'POST', '/mailboxes', { body: { name: 'Mbox' } })).json.id;
  const mbox =
    'From a@x.test Thu Jan  1 10:00:00 2026\nStatus: RO\nSubject: one\n\nfirst\n\n' +
    'From a@x.test Thu Jan  2 10:00:00 2026\nSubject: nul\n\n\0\n\n' +
    'From a@x.test Thu Jan  3 10:00:00 2026\nSubject: three\n\nthird\n';
  const { json } = await world.ask(alice, 'POST', '/messages', {
    body: mbox,
    type: 'application/mbox',
    query: { mailbox: work },
  });
  assert.deepEqual(
    [json.imported, json.refused, json.refusals[0].index, json.refusals[0].code],
    [2, 1, 1, 'bad-request'],
  );
  const list = await world.ask(alice, 'GET', '/messages', { query: { mailbox: work } });
  type Item = { subject: string; keywords: string[] };
  assert.deepEqual(
    list.json.items.map(({ subject, keywords }: Item) => [subject, keywords]),
    [
      ['three', []],
      ['one', ['$seen']],
    ],
  );
});

test('what is no import is refused', async () => {
  const { alice, bob } = world;
  const post = (body: string, type: string, query: Record<string, string> = {}) =>
    world.ask(alice, 'POST', '/messages', { body, type, query });
  assert.equal((await post(EML, 'text/html')).status, 415);
  assert.equal((await post('', 'message/rfc822')).status, 400);
  const none = await post('only words\n', 'message/rfc822');
  assert.deepEqual([none.status, none.json.code], [400, 'bad-request']);
  assert.match(none.json.detail, /no header field/);
  assert.equal((await post('no mbox', 'application/mbox')).status, 400);
  assert.equal((await post(EML, 'message/rfc822', { keywords: 'a b' })).status, 400);
  assert.equal((await post(EML, 'message/rfc822', { mailbox: await mailboxId(world, bob, 'INBOX') })).status, 404);
  assert.equal((await world.ask(alice, 'POST', '/messages', { body: {} })).status, 415);
});

test('a mailbox is exported as mbox, everything as zip', async () => {
  const { bob } = world;
  const { mailbox } = await deliver(world, bob, letter('one'), { flags: ['\\Seen'] });
  await deliver(world, bob, letter('two'), { mailbox: 'Sent' });
  const mbox = await world.ask(bob, 'GET', '/export', { query: { format: 'mbox', mailbox } });
  assert.equal(mbox.headers['content-type'], 'application/mbox');
  assert.match(mbox.text, /^From x@beta\.test .*\r?\n[\s\S]*Subject: one/);
  assert.doesNotMatch(mbox.text, /Subject: two/);
  const zip = await world.ask(bob, 'GET', '/export', { query: { format: 'zip' } });
  assert.equal(zip.headers['content-type'], 'application/zip');
  assert.match(String(zip.headers['content-disposition']), /^attachment; filename="mail 2030-01-01\.zip"/);
  const names = [...zip.bytes.toString('latin1').matchAll(/(INBOX|Sent)\/\d+ (one|two)\.eml/g)].map(([name]) => name);
  assert.deepEqual([...new Set(names)].sort(), ['INBOX/000001 one.eml', 'Sent/000001 two.eml']);
  assert.equal((await world.ask(bob, 'GET', '/export', { query: { format: 'mbox' } })).status, 400);
  assert.equal((await world.ask(world.alice, 'GET', '/export', { query: { format: 'mbox', mailbox } })).status, 404);
});
