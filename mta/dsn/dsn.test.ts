import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simpleParser } from 'mailparser';
import { foldField } from '#mail/dsn/delivery-status.ts';
import { type Action, isAutomatic, isWanted, type Notice } from '#mail/dsn/notice.ts';
import type { ForwardPath } from '#mail/envelope.ts';
import { reply } from '#mail/smtp/reply.ts';
import { FakeClock } from '#test/support/clock.ts';
import { fakeRandom } from '#test/support/random.ts';
import { type ReportedMessage, reportsFor } from './reporter.ts';

const clock = new FakeClock(Date.UTC(2030, 0, 1));
const options = { hostname: 'mx.us.test', clock, random: fakeRandom(), expire: 1000 };
const sender = { localPart: 'alice', domain: 'us.test' };
const bob: ForwardPath = { address: { localPart: 'bob', domain: 'far.test' } };

function message(more: Partial<ReportedMessage> = {}): ReportedMessage {
  return {
    reversePath: sender,
    bodyType: '7bit',
    smtputf8: false,
    arrivedAt: Date.UTC(2029, 11, 31),
    size: source.length,
    ...more,
  };
}

const source = Buffer.from('Message-ID: <m1@us.test>\r\nSubject: hi\r\n\r\nbody --=_x\r\n');

async function* read(start: number, end: number): AsyncIterable<Uint8Array> {
  yield source.subarray(start, end);
}

function notice(more: Partial<Notice> = {}): Notice {
  return {
    recipient: bob,
    action: 'failed',
    reply: reply(550, '1.1', 'No such user', 'really'),
    remoteMta: 'mx.far.test',
    at: clock.now(),
    ...more,
  };
}

async function report(more: Partial<ReportedMessage> = {}, ...notices: Notice[]): Promise<string> {
  const [entry, ...others] = await reportsFor(message(more), notices, read, options);
  assert.ok(entry !== undefined && others.length === 0);
  assert.equal(entry.reversePath, null);
  assert.ok('data' in entry.content);
  return Buffer.from(entry.content.data).toString();
}

test('a failed delivery makes a multipart/report that quotes the remote', async () => {
  const text = await report({ envelopeId: 'id+1' }, notice());
  const lines = (...expected: string[]): void =>
    assert.ok(text.includes(expected.join('\r\n')), `${expected[0]}\n${text}`);
  lines('From: Mail Delivery System <mailer-daemon@mx.us.test>', 'To: <alice@us.test>');
  lines(
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
  );
  lines(
    'Original-Envelope-Id: id+1',
    'Reporting-MTA: dns; mx.us.test',
    'Arrival-Date: Mon, 31 Dec 2029 00:00:00 +0000',
    '',
  );
  lines(
    '',
    'Final-Recipient: rfc822; bob@far.test',
    'Action: failed',
    'Status: 5.1.1',
    'Remote-MTA: dns; mx.far.test',
    'Diagnostic-Code: smtp; 550 5.1.1 No such user really',
    'Last-Attempt-Date: Tue, 1 Jan 2030 00:00:00 +0000',
  );
  lines('In-Reply-To: <m1@us.test>', 'References: <m1@us.test>');
  lines('Content-Type: message/rfc822', 'Content-Transfer-Encoding: 7bit', '', 'Message-ID: <m1@us.test>');
});

test('mailparser sees three parts, the last being the message', async () => {
  const parsed = await simpleParser(await report({}, notice()), { keepDeliveryStatus: true });
  assert.match(parsed.text ?? '', /mx\.far\.test said: 550 5\.1\.1 No such user really/);
  assert.deepEqual(
    parsed.attachments.map((part) => part.contentType),
    ['message/delivery-status', 'message/rfc822'],
  );
  assert.equal(parsed.attachments[1]!.content.toString(), source.toString());
});

test('RET and size decide what is given back', async () => {
  assert.match(
    await report({ ret: 'hdrs' }, notice()),
    /text\/rfc822-headers\r\n.*\r\n\r\nMessage-ID.*\r\nSubject: hi\r\n\r\n--/,
  );
  assert.doesNotMatch(await report({ size: 70_000 }, notice()), /body --=_x/);
  assert.match(await report({ ret: 'full', size: 70_000 }, notice()), /body --=_x/);
  // RFC 3461 §6.2: only a failure gives back the whole.
  assert.doesNotMatch(await report({ ret: 'full' }, notice({ action: 'delayed' })), /body --=_x/);
});

test('ORCPT, our own reasons and delays are told', async () => {
  const recipient: ForwardPath = { ...bob, originalRecipient: { type: 'rfc822', address: 'old+x@far.test' } };
  const { remoteMta: _, ...own } = notice({ recipient, action: 'delayed', willRetryUntil: Date.UTC(2030, 0, 5) });
  const text = await report({}, { ...own, reply: reply(451, '4.3', 'Name server trouble'), status: '4.4.3' });
  assert.match(
    text,
    /Original-Recipient: rfc822; old\+x@far\.test\r\nFinal-Recipient: rfc822; bob@far\.test\r\nAction: delayed\r\nStatus: 4\.4\.3\r\nDiagnostic-Code: x-peerpost; 451 4\.4\.3 Name/,
  );
  assert.match(text, /Will-Retry-Until: Sat, 5 Jan 2030 00:00:00 \+0000/);
  assert.match(text, /Subject: Delayed mail/);
});

test('one report speaks of all recipients', async () => {
  const carol: ForwardPath = { address: { localPart: 'carol', domain: 'far.test' } };
  const text = await report({}, notice(), notice({ recipient: carol }));
  assert.equal(text.match(/Final-Recipient/g)?.length, 2);
});

test('a sender that is not ASCII gets the form of RFC 6533', async () => {
  const jurgen = { localPart: 'jürgen', domain: 'us.test' };
  const to: ForwardPath = { address: { localPart: 'dörte', domain: 'far.test' } };
  const [entry] = await reportsFor(
    message({ reversePath: jurgen, smtputf8: true }),
    [notice({ recipient: to })],
    read,
    options,
  );
  assert.ok(entry !== undefined && 'data' in entry.content);
  const text = Buffer.from(entry.content.data).toString();
  assert.equal(entry.smtputf8, true);
  assert.equal(entry.bodyType, '8bitmime');
  assert.match(text, /message\/global-delivery-status/);
  assert.match(text, /Final-Recipient: utf-8;dörte@far\.test/);
  assert.match(text, /Content-Type: message\/global\r\n/);
});

test('an ASCII sender gets non-ASCII recipients in seven bits', async () => {
  const to: ForwardPath = { address: { localPart: 'dörte', domain: 'far.test' } };
  const text = await report({ smtputf8: true }, notice({ recipient: to, reply: reply(550, '1.1', 'Ünbekannt') }));
  assert.match(text, /Final-Recipient: utf-8;d\\x\{F6\}rte@far\.test/);
  assert.match(text, /^[\x00-\x7f]*$/);
});

test('a remote cannot forge fields or endless lines', async () => {
  const text = await report(
    {},
    notice({
      remoteMta: 'x\r\nAction: delivered',
      reply: reply(550, undefined, 'y\r\nStatus: 2.0.0', 'z'.repeat(5000)),
    }),
  );
  assert.doesNotMatch(text, /^(Action: delivered|Status: 2)/m);
  for (const line of text.split('\r\n')) assert.ok(line.length <= 998, `${line.length}`);
});

test('isWanted() obeys NOTIFY and never bounces a bounce', () => {
  const asked = (reversePath: typeof sender | null, notify: ForwardPath['notify']): Action[] =>
    (['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const).filter((action) =>
      isWanted({ reversePath }, notify === undefined ? bob : { ...bob, notify }, action),
    );
  assert.deepEqual(asked(sender, undefined), ['failed', 'delayed']);
  assert.deepEqual(asked(sender, 'never'), []);
  assert.deepEqual(asked(sender, { success: true, failure: false, delay: false }), [
    'delivered',
    'relayed',
    'expanded',
  ]);
  assert.deepEqual(asked(sender, { success: false, failure: true, delay: false }), ['failed']);
  assert.deepEqual(asked(null, { success: true, failure: true, delay: true }), []);
});

test('machines and lists are not told about delays, but about failures', async () => {
  assert.ok(isAutomatic('Subject: x\r\nAuto-Submitted:\r\n auto-generated\r\n'));
  assert.ok(isAutomatic('Precedence: bulk\r\n'));
  assert.ok(!isAutomatic('Auto-Submitted: no\r\nX-Precedence: bulk\r\n'));
  async function* bulk(): AsyncIterable<Uint8Array> {
    yield Buffer.from('List-Id: <x>\r\n\r\n');
  }
  assert.deepEqual(await reportsFor(message(), [notice({ action: 'delayed' })], bulk, options), []);
  assert.equal((await reportsFor(message(), [notice()], bulk, options)).length, 1);
});

test('foldField() keeps lines short where it can, and loses no word', () => {
  const field = `Diagnostic-Code: smtp; ${'word '.repeat(60)}end`;
  const folded = foldField(field);
  assert.ok(folded.split('\r\n').every((line) => line.length <= 78));
  assert.equal(folded.replaceAll('\r\n', ''), field);
});
