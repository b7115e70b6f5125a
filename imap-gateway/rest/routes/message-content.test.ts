import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';
import { change, deliver, letter } from '../mail/mail.testkit.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
const BIG = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i & 0xff));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\n');

const MIXED = `Authentication-Results: mail.alpha.test; dkim=pass (good) header.d=beta.test; spf=fail\n smtp.mailfrom="x@beta.test"
Authentication-Results: mx.other.test; dkim=fail
Received: from beta.test by mail.alpha.test
From: =?utf-8?Q?Zo=C3=AB?= <zoe@beta.test>
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus
 Wien
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/related; boundary=r

--r
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6ne Gr=FC=DFe
--a
Content-Type: text/html; charset=utf-8

<!DOCTYPE html><p onclick="alert(1)">Schöne Grüße</p><script>alert(2)</script><img src="cid:logo%40x"><img src="http://tracker.test/x.gif">
--a--
--r
Content-Type: image/png
Content-ID: <logo@x>
Content-Transfer-Encoding: base64

${base64(PNG)}
--r--
--m
Content-Type: application/octet-stream; name="daten.bin"
Content-Disposition: attachment; filename="daten.bin"
Content-Transfer-Encoding: base64

${base64(BIG)}
--m
Content-Type: message/rfc822

Subject: inner

inner text
--m--
`;

test('a message parsed has headers, text, attachments and what our own results say', async () => {
  const { alice } = world;
  const { id, mailbox, uid } = await deliver(world, alice, MIXED);
  const { status, json, text } = await world.ask(alice, 'GET', `/messages/${id}`);
  assert.equal(status, 200, text);
  assert.equal(json.subject, 'Grüße aus Wien');
  assert.equal(json.text, 'Schöne Grüße');
  assert.equal(json.html, `/api/v1/messages/${id}/html`);
  assert.deepEqual(json.mailboxIds, [mailbox]);
  assert.ok(json.headers.some((field: { name: string; value: string }) => field.value === 'Zoë <zoe@beta.test>'));
  assert.equal(json.headers[0].name, 'Return-Path');
  assert.deepEqual(json.authentication, [
    { method: 'dkim', result: 'pass', properties: { 'header.d': 'beta.test' } },
    { method: 'spf', result: 'fail', properties: { 'smtp.mailfrom': 'x@beta.test' } },
  ]);
  const url = (path: string): string => `/api/v1/messages/${id}/parts/${path}`;
  assert.deepEqual(json.attachments, [
    { path: '1.2', type: 'image/png', size: 9, contentId: 'logo@x', url: url('1.2') },
    {
      path: '2',
      name: 'daten.bin',
      type: 'application/octet-stream',
      size: json.attachments[1].size,
      disposition: 'attachment',
      url: url('2'),
    },
    { path: '3', type: 'message/rfc822', size: 28, url: url('3') },
  ]);
  assert.ok(Math.abs(json.attachments[1].size - BIG.length) < 100, 'about the octets that it has');

  const listed = await world.ask(alice, 'GET', '/messages');
  const { headers: _h, text: _t, html: _l, attachments: _a, authentication: _r, ...rest } = json;
  assert.deepEqual(listed.json.items[0], { ...rest, mailboxId: mailbox, uid });

  await change(world, alice, { type: 'set-flags', mailbox, uids: [[uid, uid]], change: 'add', flags: ['\\Flagged'] });
  const flagged = await world.ask(alice, 'GET', `/messages/${id}`);
  assert.deepEqual(flagged.json.keywords, ['$flagged']);
});

test('what an imported message says of its own authentication is not believed', async () => {
  const { alice } = world;
  const made = await world.ask(alice, 'POST', '/messages', { body: MIXED, type: 'message/rfc822' });
  const { json } = await world.ask(alice, 'GET', `/messages/${made.json.messages[0].id}`);
  assert.match(json.headers[0].value, /^mail\.alpha\.test; dkim=pass/);
  assert.deepEqual(json.authentication, []);
});

const PHONE = `Subject: look
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: text/html

<p>first</p><img src="cid:pic">
--m
Content-Type: image/png; name="IMG_1.png"
Content-Disposition: inline; filename="IMG_1.png"
Content-ID: <pic>
Content-Transfer-Encoding: base64

${base64(PNG)}
--m
Content-Type: text/plain

sent from <my> phone
--m--
`;

test('a photo among the texts is a file, and all texts around it are shown', async () => {
  const { alice } = world;
  const { id } = await deliver(world, alice, PHONE);
  const { json } = await world.ask(alice, 'GET', `/messages/${id}`);
  assert.deepEqual([json.hasAttachment, json.attachments.length], [true, 1]);
  assert.deepEqual([json.attachments[0].path, json.attachments[0].name], ['2', 'IMG_1.png']);
  const photo = await world.ask(alice, 'GET', `/messages/${id}/attachments/0`);
  assert.equal(photo.headers['content-type'], 'image/png');
  const html = await world.ask(alice, 'GET', `/messages/${id}/html`);
  assert.match(html.text, /first.*data:image\/png;base64,iVBORw0KGgo=.*sent from &lt;my> phone/s);
  const found = await world.ask(alice, 'GET', '/messages?q=has:attachment+subject:look');
  assert.deepEqual(
    found.json.items.map((item: { id: string }) => item.id),
    [id],
  );
});

test('a message without text, without HTML, and with endless text', async () => {
  const { alice } = world;
  const html = await deliver(world, alice, letter('h', 'Content-Type: text/html\n', '<b>bold</b> &amp; more'));
  const parsed = await world.ask(alice, 'GET', `/messages/${html.id}`);
  assert.equal(parsed.json.text, 'bold & more');
  const file = await deliver(world, alice, letter('f', 'Content-Type: application/pdf\n', 'x'));
  const none = await world.ask(alice, 'GET', `/messages/${file.id}`);
  assert.deepEqual([none.json.text, none.json.html, none.json.attachments.length], [null, null, 1]);
  assert.equal((await world.ask(alice, 'GET', `/messages/${file.id}/html`)).status, 404);
  const long = await deliver(world, alice, letter('l', '', 'line\n'.repeat(200_000)));
  const cut = await world.ask(alice, 'GET', `/messages/${long.id}`);
  assert.equal(cut.json.textTruncated, true);
  assert.ok(cut.json.text.length < 600_000);
});

test('HTML is a sandboxed document with its own pictures and no others', async () => {
  const { alice } = world;
  const { id } = await deliver(world, alice, MIXED);
  const { status, text, headers } = await world.ask(alice, 'GET', `/messages/${id}/html`);
  assert.equal(status, 200);
  const policy = String(headers['content-security-policy']);
  assert.match(
    policy,
    /^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:;/,
  );
  assert.doesNotMatch(policy, /allow-scripts|allow-same-origin|script-src|http/);
  assert.match(text, /^<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"/);
  assert.ok(text.includes(`<img src="data:image/png;base64,${PNG.toString('base64')}">`));
  assert.ok(text.includes('Schöne Grüße'));
  const remote = await world.ask(alice, 'GET', `/messages/${id}/html`, { query: { remote: 'true' } });
  assert.match(String(remote.headers['content-security-policy']), /img-src data: https: http:/);
  assert.doesNotMatch(String(remote.headers['content-security-policy']), /allow-scripts|script-src/);
  const again = await world.ask(alice, 'GET', `/messages/${id}/html`, {
    headers: { 'if-none-match': String(headers.etag) },
  });
  assert.equal(again.status, 304);
});

test('raw is what came, whole or in ranges', async () => {
  const { alice } = world;
  const { id } = await deliver(world, alice, MIXED);
  const whole = Buffer.from(`Return-Path: <x@beta.test>\r\n${MIXED.replaceAll('\n', '\r\n')}`);
  const raw = await world.ask(alice, 'GET', `/messages/${id}/raw`);
  assert.ok(raw.bytes.equals(whole));
  assert.equal(raw.headers['content-type'], 'message/rfc822');
  assert.equal(raw.headers['content-length'], String(whole.length));
  assert.match(
    String(raw.headers['content-disposition']),
    /^attachment; filename="Gr__e aus Wien.eml"; filename\*=UTF-8''Gr%C3%BC/,
  );
  const range = async (text: string, more = {}) =>
    await world.ask(alice, 'GET', `/messages/${id}/raw`, { headers: { range: text, ...more } });
  const cases: [string, number, number][] = [
    ['bytes=0-9', 0, 10],
    ['bytes=100-', 100, whole.length],
    ['bytes=-7', whole.length - 7, whole.length],
    ['bytes=100-99999999', 100, whole.length],
    ['bytes=-99999999', 0, whole.length],
  ];
  for (const [text, start, end] of cases) {
    const answer = await range(text);
    assert.equal(answer.status, 206, text);
    assert.ok(answer.bytes.equals(whole.subarray(start, end)), text);
    assert.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/${whole.length}`);
  }
  const beyond = await range(`bytes=${whole.length}-`);
  assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, `bytes */${whole.length}`]);
  for (const text of ['bytes=5-2', 'bytes=1-2,4-5', 'lines=1-2', 'bytes=-'])
    assert.equal((await range(text)).status, 200, text);
  assert.equal((await range('bytes=0-1', { 'if-range': '"other"' })).status, 200);
  assert.equal((await range('bytes=0-1', { 'if-range': String(raw.headers.etag) })).status, 206);
  assert.equal((await range('bytes=0-1', { 'if-none-match': String(raw.headers.etag) })).status, 304);
});

test('parts and attachments come decoded, as downloads, whole or in ranges', async () => {
  const { alice } = world;
  const { id } = await deliver(world, alice, MIXED);
  const part = await world.ask(alice, 'GET', `/messages/${id}/parts/2`);
  assert.ok(part.bytes.equals(BIG));
  assert.match(String(part.headers['content-disposition']), /^attachment; filename="daten.bin"/);
  assert.match(String(part.headers['content-security-policy']), /^sandbox/);
  const some = await world.ask(alice, 'GET', `/messages/${id}/parts/2`, { headers: { range: 'bytes=70000-70999' } });
  assert.equal(some.status, 206);
  assert.ok(some.bytes.equals(BIG.subarray(70_000, 71_000)));
  assert.equal(some.headers['content-range'], `bytes 70000-70999/${BIG.length}`);
  const head = await world.ask(alice, 'HEAD', `/messages/${id}/parts/2`);
  assert.deepEqual([head.headers['content-length'], head.text], [String(BIG.length), '']);
  const image = await world.ask(alice, 'GET', `/messages/${id}/attachments/0`);
  assert.ok(image.bytes.equals(PNG));
  assert.equal(image.headers['content-type'], 'image/png');
  const inner = await world.ask(alice, 'GET', `/messages/${id}/attachments/2`);
  assert.equal(inner.text, 'Subject: inner\r\n\r\ninner text');
  assert.equal((await world.ask(alice, 'GET', `/messages/${id}/parts/3.1`)).text, 'inner text');
  for (const path of ['parts/9', 'parts/1.2.3', 'attachments/3']) {
    assert.equal((await world.ask(alice, 'GET', `/messages/${id}/${path}`)).status, 404, path);
  }
  assert.equal((await world.ask(alice, 'GET', `/messages/${id}/parts/0`)).status, 400);
});

test('another one’s message is not there', async () => {
  const { id } = await deliver(world, world.bob, MIXED);
  for (const path of ['', '/raw', '/html', '/parts/1', '/attachments/0']) {
    const { status, json } = await world.ask(world.alice, 'GET', `/messages/${id}${path}`);
    assert.deepEqual([status, json.code], [404, 'no-such-message'], path);
  }
});
