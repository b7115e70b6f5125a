/** Sending over backends in memory, with an MTA that does as it is told. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { formatAddress } from '#mail/address.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { RecipientResult } from '#runtime/smtp/client-types.ts';
import { newId } from '#store/ids.ts';
import type { NewQueueEntry } from '#store/queue.ts';
import { settle } from '#test/support/clock.ts';
import { type RestUser, type RestWorld, restWorld } from '#test/support/rest.ts';
import { eventsOf } from '../events/event.ts';
import { change, deliver, letter, mailboxId } from '../mail/mail.testkit.ts';
import { Drainer } from './drainer.ts';
import { lead } from './leader.ts';
import { draining } from './outbound.ts';
import type { Transmission } from './transmit.ts';

interface Sending extends RestWorld {
  readonly sent: (Transmission & { readonly text: string })[];
  /** What the MTA says of a recipient; 250 otherwise. */
  readonly says: Map<string, Reply | 'lost'>;
  /** Lets the leader work until nothing is left to do now. */
  work(): Promise<void>;
  /** The worker is killed and another one takes over. */
  restart(): Promise<void>;
}

async function sending(t: TestContext): Promise<Sending> {
  const world = await restWorld();
  const sent: Sending['sent'] = [];
  const says: Sending['says'] = new Map();
  const seen = new Set<string>();
  const transmit = async (transmission: Transmission): Promise<readonly RecipientResult[]> => {
    const { content } = transmission.message;
    const chunks: Uint8Array[] = [];
    if (typeof content === 'function') for await (const chunk of content()) chunks.push(chunk);
    else chunks.push(content);
    sent.push({ ...transmission, text: Buffer.concat(chunks).toString() });
    const results = transmission.to.map((to): RecipientResult => {
      const said = says.get(formatAddress(to));
      if (said === 'lost') return { kind: 'lost', stage: 'final', error: new Error('gone') };
      if (said !== undefined) return { kind: 'reply', stage: 'rcpt', reply: said };
      return { kind: 'reply', stage: 'final', reply: reply(250, '0.0', 'Queued') };
    });
    const taken = transmission.to.filter((_, i) => results[i]!.kind === 'lost' || isGood(results[i]!));
    if (taken.length > 0 && !seen.has(transmission.deliveryId)) {
      seen.add(transmission.deliveryId);
      await world.queue.enqueue(entryOf(world, transmission, taken.map(formatAddress)));
    }
    return results;
  };
  const { store, directory, queue, clock, log } = { ...world, log: world.services.log };
  const services = {
    store,
    directory,
    queue,
    transmit,
    clock,
    random: world.services.random,
    log,
    hostname: 'mail.alpha.test',
    expire: () => 86_400_000,
  };
  let stop = new AbortController();
  let leading: Promise<void> | undefined;
  const start = (): void => {
    stop = new AbortController();
    const duties = () => [draining(new Drainer(services))];
    leading = lead({ store, coordination: world.services.coordination, clock, log, signal: stop.signal, duties });
  };
  start();
  t.after(async () => {
    stop.abort();
    await leading;
    await world.close();
  });
  return {
    ...world,
    sent,
    says,
    async work() {
      for (let i = 0; i < 5; i++) {
        await settle();
        await clock.advance(250);
      }
      await settle();
    },
    async restart() {
      stop.abort();
      await leading;
      start();
    },
  };
}

const isGood = (result: RecipientResult): boolean => result.kind === 'reply' && result.reply.code === 250;

function entryOf(
  world: RestWorld,
  { from, envelopeId = '', deliveryId }: Transmission,
  to: readonly string[],
): NewQueueEntry {
  return {
    id: newId('queue', world.services.random),
    deliveryId,
    reversePath: from,
    bodyType: '7bit',
    smtputf8: false,
    envelopeId,
    tracked: true,
    arrivedAt: world.clock.now(),
    expiresAt: world.clock.now() + 1_000_000,
    recipients: to.map((address) => {
      const [localPart = '', domain = ''] = address.split('@');
      return { address: { localPart, domain }, originalRecipient: { type: 'rfc822', address } };
    }),
    content: { data: Buffer.from('x') },
  };
}

async function mailIn(world: RestWorld, user: RestUser, name: string) {
  const mailbox = await mailboxId(world, user, name);
  return (await world.ask(user, 'GET', '/messages', { query: { mailbox } })).json.items;
}

test('a message is composed, stored, sent as the account, and filed; its status tells of each recipient', async (t) => {
  const on = await sending(t);
  const answer = await on.ask(on.alice, 'POST', '/send', {
    body: {
      from: 'Alice Älpha <alice@alpha.test>',
      to: ['Bob <bob@far.test>', { email: 'carol@far.test', name: 'Carol' }],
      bcc: ['secret@far.test'],
      subject: 'Grüße',
      text: 'Hello\n.\n',
      html: '<p>Hello</p>',
      attachments: [{ name: 'ü.txt', type: 'text/plain', content: Buffer.from('file').toString('base64') }],
      headers: { 'X-Campaign': '7' },
      notify: ['failure'],
    },
  });
  assert.equal(answer.status, 202, answer.text);
  const { id, message, messageId, recipients } = answer.json;
  assert.equal(answer.headers.location, `/api/v1/submissions/${id}`);
  assert.deepEqual(recipients, ['bob@far.test', 'carol@far.test', 'secret@far.test']);
  await on.work();
  assert.equal(on.sent.length, 1);
  const [one] = on.sent;
  assert.deepEqual(
    [one!.account, formatAddress(one!.from!), one!.envelopeId, one!.deliveryId],
    [on.alice.address, on.alice.address, id, `${id}.1`],
  );
  assert.deepEqual(one!.notify, { success: false, failure: true, delay: false });
  assert.equal(one!.message.size, Buffer.byteLength(one!.text));
  assert.doesNotMatch(one!.text, /secret@far\.test|^Bcc/im, 'nobody else learns of Bcc');
  assert.match(one!.text, new RegExp(`^Message-ID: <${messageId}>`, 'm'));
  assert.match(one!.text, /^X-Campaign: 7/m);
  const [copy] = await mailIn(on, on.alice, 'Sent');
  assert.deepEqual([copy.id, copy.subject, copy.keywords, copy.hasAttachment], [message, 'Grüße', ['$seen'], true]);
  assert.equal(copy.bcc[0].email, 'secret@far.test', 'the sender’s own copy keeps it');
  assert.deepEqual(await mailIn(on, on.alice, 'Drafts'), []);

  const status = async () => (await on.ask(on.alice, 'GET', `/submissions/${id}`)).json;
  assert.deepEqual([(await status()).status, (await status()).recipients[0].status], ['sent', 'pending']);
  const [entry] = await on.queue.list({ limit: 1 });
  const at = on.clock.now();
  await on.queue.settle(
    entry!.id,
    [
      { index: 0, at, verdict: 'relayed', reply: reply(250, '0.0', 'Taken'), remoteMta: 'mx.far.test' },
      { index: 1, at, verdict: 'deferred', nextAttemptAt: at + 60_000, reply: reply(450, '2.0', 'Later') },
      { index: 2, at, verdict: 'failed', reply: reply(550, '1.1', 'Unknown'), remoteMta: 'mx.far.test' },
    ],
    [],
  );
  await on.work();
  const later = await status();
  assert.equal(later.status, 'sent');
  assert.deepEqual(
    later.recipients.map((r: { status: string; reply: string; remote?: string }) => [r.status, r.reply, r.remote]),
    [
      ['relayed', '250 2.0.0 Taken', 'mx.far.test'],
      ['pending', '450 4.2.0 Later', undefined],
      ['failed', '550 5.1.1 Unknown', 'mx.far.test'],
    ],
  );
  await on.queue.settle(entry!.id, [{ index: 1, at, verdict: 'relayed', reply: reply(250, '0.0', 'ok') }], []);
  await on.work();
  assert.equal((await status()).status, 'failed');
  assert.deepEqual(await on.store.outbox(on.alice.id), [], 'nothing is left to drain');
  // Once it is final the record knows it by itself.
  await on.clock.advance(86_400_000);
  assert.equal((await status()).recipients[2].reply, '550 5.1.1 Unknown');
  const list = (await on.ask(on.alice, 'GET', '/submissions')).json;
  assert.deepEqual(
    list.items.map((item: { id: string }) => item.id),
    [id],
  );
  assert.equal((await on.ask(on.bob, 'GET', `/submissions/${id}`)).status, 404);
});

test('refusals: at RCPT for good, for the moment, and of all', async (t) => {
  const on = await sending(t);
  on.says.set('no@alpha.test', reply(550, '1.1', 'No such user'));
  on.says.set('slow@alpha.test', reply(451, '3.0', 'Later'));
  const { id } = (
    await on.ask(on.alice, 'POST', '/send', {
      body: { to: ['no@alpha.test', 'slow@alpha.test', 'bob@alpha.test'], text: 'x' },
    })
  ).json;
  await on.work();
  assert.ok(on.sent.length >= 1);
  const early = (await on.ask(on.alice, 'GET', `/submissions/${id}`)).json;
  assert.deepEqual([early.status, early.recipients[0].status], ['sending', 'failed']);
  on.says.delete('slow@alpha.test');
  await on.clock.advance(30_000);
  await on.work();
  const last = on.sent.at(-1)!;
  assert.deepEqual(last.to.map(formatAddress), ['slow@alpha.test'], 'nobody gets it twice');
  assert.notEqual(last.deliveryId, `${id}.1`);

  const none = (await on.ask(on.alice, 'POST', '/send', { body: { to: ['no@alpha.test'], subject: 'bad' } })).json;
  await on.work();
  const failed = (await on.ask(on.alice, 'GET', `/submissions/${none.id}`)).json;
  assert.deepEqual([failed.status, failed.recipients[0].reply], ['failed', '550 5.1.1 No such user']);
  const [draft] = await mailIn(on, on.alice, 'Drafts');
  assert.deepEqual([draft.subject, draft.keywords], ['bad', ['$draft', '$seen']], 'it can be mended');
});

test('who was refused is told at once: by an event, and by a report as mail', async (t) => {
  const on = await sending(t);
  const { modseq } = await on.store.accountState(on.alice.access);
  on.says.set('no@alpha.test', reply(550, '1.1', 'No such user'));
  const body = { to: ['no@alpha.test', 'bob@alpha.test'], bcc: ['hidden@far.test'], subject: 'Grüße', text: 'x' };
  const { id, message, messageId } = (await on.ask(on.alice, 'POST', '/send', { body })).json;
  await on.work();
  const changes = await on.store.changes(on.alice.access, modseq, 100);
  assert.ok(changes.complete);
  const wanted = (type: string): boolean => type.startsWith('submission');
  const events = await eventsOf(on.services, on.alice.access, changes.records, wanted);
  assert.deepEqual(events.map(({ type }) => type).sort(), ['submission.sent', 'submission.undeliverable'], 'once each');
  const { data } = events.find(({ type }) => type === 'submission.undeliverable')! as { data: typeof body & object };
  assert.deepEqual(Object.entries(data).slice(0, 3), Object.entries({ id, message, messageId }));
  const { recipients } = data as unknown as { recipients: { address: string; status: string; reply: string }[] };
  assert.deepEqual(
    recipients.map(({ address, status, reply: said }) => [address, status, said]),
    [['no@alpha.test', 'failed', '550 5.1.1 No such user']],
  );
  const [report, ...more] = await mailIn(on, on.alice, 'INBOX');
  assert.deepEqual([more.length, report.inReplyTo], [0, [messageId]]);
  assert.match(report.preview, /<no@alpha\.test>.*No such user/);
  const raw = (await on.ask(on.alice, 'GET', `/messages/${report.id}/raw`)).text;
  assert.match(raw, /Final-Recipient: rfc822; no@alpha\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\n/);
  assert.ok(!raw.includes('hidden') && !raw.includes('bob@alpha.test\r\nAction'));
  await on.ask(on.alice, 'POST', '/send', { body: { to: ['no@alpha.test'], text: 'x', notify: 'never' } });
  await on.work();
  assert.equal((await mailIn(on, on.alice, 'INBOX')).length, 1, 'whoever wants no report gets none');
  // Without room for the report the rest is recorded all the same.
  const { usedBytes } = await on.store.accountState(on.alice.access);
  await change(on, on.alice, { type: 'set-quota', bytes: usedBytes + 700 });
  const full = (await on.ask(on.alice, 'POST', '/send', { body: { to: ['no@alpha.test'], text: 'x' } })).json;
  await on.work();
  assert.equal((await on.ask(on.alice, 'GET', `/submissions/${full.id}`)).json.status, 'failed');
  assert.equal((await mailIn(on, on.alice, 'INBOX')).length, 1);
});

test('a lost answer: tried again under the same delivery id, also by the next worker', async (t) => {
  const on = await sending(t);
  on.says.set('bob@far.test', 'lost');
  const { id } = (await on.ask(on.alice, 'POST', '/send', { body: { to: ['bob@far.test'], text: 'x' } })).json;
  await on.work();
  on.says.clear();
  await on.restart();
  await on.clock.advance(30_000);
  await on.work();
  assert.ok(on.sent.length >= 2);
  assert.deepEqual([...new Set(on.sent.map(({ deliveryId }) => deliveryId))], [`${id}.1`]);
  assert.equal((await on.queue.counts()).messages, 1);
  assert.equal((await on.ask(on.alice, 'GET', `/submissions/${id}`)).json.status, 'sent');
});

test('an Idempotency-Key: the same answer, one message; another request is refused', async (t) => {
  const on = await sending(t);
  const headers = { 'idempotency-key': 'order-17' };
  const body = { to: ['bob@far.test'], subject: 'once' };
  const ask = (given: object, key = headers) => on.ask(on.alice, 'POST', '/send', { body: given, headers: key });
  const [a, b] = await Promise.all([ask(body), ask(body)]);
  assert.deepEqual([a.status, b.status, b.json], [202, 202, a.json]);
  await on.work();
  assert.deepEqual((await ask(body)).json, a.json);
  assert.equal((await ask({ ...body, subject: 'twice' })).status, 422);
  assert.equal((await ask(body, { 'idempotency-key': ' ' })).status, 400);
  assert.equal((await on.ask(on.bob, 'POST', '/send', { body, headers })).status, 202, 'keys are an account’s own');
  await on.work();
  assert.equal(on.sent.filter(({ account }) => account === on.alice.address).length, 1);
});

test('sendAt lies at most a year ahead', async (t) => {
  const on = await sending(t);
  const sendAt = (days: number): string => new Date(on.clock.now() + days * 86_400_000).toISOString();
  const body = { to: ['bob@far.test'], subject: 'much later' };
  const refused = await on.ask(on.alice, 'POST', '/send', { body: { ...body, sendAt: sendAt(367) } });
  assert.deepEqual([refused.status, refused.json.errors[0].path], [400, '/body/sendAt']);
  const raw = { type: 'message/rfc822', body: 'From: alice@alpha.test\r\nTo: bob@far.test\r\n\r\nx\r\n' };
  const late = await on.ask(on.alice, 'POST', '/send', { ...raw, query: { sendAt: sendAt(367) } });
  assert.deepEqual([late.status, late.json.errors[0].path], [400, '/query/sendAt']);
  const draft = (await on.ask(on.alice, 'POST', '/drafts', { body })).json.id;
  assert.equal(
    (await on.ask(on.alice, 'POST', `/drafts/${draft}/send`, { body: { sendAt: sendAt(367) } })).status,
    400,
  );
  assert.equal((await on.ask(on.alice, 'POST', '/send', { body: { ...body, sendAt: sendAt(365) } })).status, 202);
});

test('sendAt: it waits among the drafts, and can be taken back until then', async (t) => {
  const on = await sending(t);
  const send = async () => {
    const sendAt = new Date(on.clock.now() + 3_600_000).toISOString();
    return (await on.ask(on.alice, 'POST', '/send', { body: { to: ['bob@far.test'], subject: 'later', sendAt } })).json;
  };
  const [first, second] = [await send(), await send()];
  await on.work();
  assert.equal(on.sent.length, 0);
  assert.deepEqual((await mailIn(on, on.alice, 'Drafts'))[0].keywords, ['$draft', '$scheduled', '$seen']);
  const undone = await on.ask(on.alice, 'DELETE', `/submissions/${first.id}`);
  assert.deepEqual(
    [undone.status, undone.json.status, undone.json.recipients[0].status],
    [200, 'canceled', 'canceled'],
  );
  await on.restart();
  await on.clock.advance(3_600_000);
  await on.work();
  assert.deepEqual(
    on.sent.map(({ envelopeId }) => envelopeId),
    [second.id],
  );
  assert.equal((await on.ask(on.alice, 'DELETE', `/submissions/${second.id}`)).status, 409);
  const drafts = await mailIn(on, on.alice, 'Drafts');
  assert.deepEqual(
    drafts.map((one: { id: string; keywords: string[] }) => [one.id, one.keywords]),
    [[first.message, ['$draft', '$seen']]],
  );
  assert.deepEqual(
    (await mailIn(on, on.alice, 'Sent')).map((one: { id: string }) => one.id),
    [second.message],
  );
  const third = await send();
  assert.equal((await on.ask(on.alice, 'DELETE', `/drafts/${third.message}`)).status, 409);
  // Deleted by another client before its time, it is not sent.
  const permanent = { query: { permanent: 'true' } };
  assert.equal((await on.ask(on.alice, 'DELETE', `/messages/${third.message}`, permanent)).status, 204);
  const fourth = await send();
  assert.equal((await on.ask(on.alice, 'DELETE', `/messages/${fourth.message}`)).status, 204);
  await on.clock.advance(3_600_000);
  await on.work();
  assert.equal(on.sent.length, 1);
  for (const { id } of [third, fourth]) {
    assert.equal((await on.ask(on.alice, 'GET', `/submissions/${id}`)).json.status, 'canceled');
  }
});

test('a reply and a forward refer, quote, and mark what they refer to', async (t) => {
  const on = await sending(t);
  const text = letter('Plans', 'Message-ID: <m1@far.test>\r\nReply-To: Team <team@far.test>\r\n', 'First\n> older\n');
  const original = await deliver(on, on.alice, text);
  const reply1 = await on.ask(on.alice, 'POST', '/send', { body: { inReplyTo: original.id, text: 'Yes.' } });
  assert.deepEqual(reply1.json.recipients, ['team@far.test']);
  await on.work();
  const [sent] = on.sent;
  assert.match(sent!.text, /^Subject: Re: Plans$/m);
  assert.match(sent!.text, /^In-Reply-To: <m1@far\.test>$/m);
  assert.match(sent!.text, /^References: <m1@far\.test>$/m);
  assert.match(sent!.text, /Yes\.\r\n\r\nAlice wrote:\r\n> First\r\n>> older/);
  const marked = async () => (await on.ask(on.alice, 'GET', `/messages/${original.id}`)).json.keywords;
  assert.ok((await marked()).includes('$answered'));
  await on.ask(on.alice, 'POST', '/send', {
    body: { forwardOf: original.id, to: ['dave@far.test'], quote: true },
  });
  await on.work();
  assert.match(on.sent[1]!.text, /^Subject: Fwd: Plans$/m);
  assert.match(on.sent[1]!.text, /Forwarded message -+\r\nFrom: /);
  assert.ok((await marked()).includes('$forwarded'));
  const whole = await on.ask(on.alice, 'POST', '/send', {
    body: { to: ['dave@far.test'], attachments: [{ message: original.id }], save: false },
  });
  await on.work();
  assert.match(on.sent[2]!.text, /Content-Type: message\/rfc822/);
  assert.match(on.sent[2]!.text, /Subject: Plans/);
  assert.equal((await on.ask(on.alice, 'GET', `/messages/${whole.json.message}`)).status, 404, 'no copy was wanted');
  const foreign = await on.ask(on.bob, 'POST', '/send', { body: { inReplyTo: original.id } });
  assert.equal(foreign.status, 404);
});

test('the pictures that quoted HTML shows go along under their names', async (t) => {
  const on = await sending(t);
  const part = (header: string, body: string): string => `--b\r\n${header}\r\n\r\n${body}\r\n`;
  const text = [
    'From: team@far.test\r\nSubject: Look\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n',
    part('Content-Type: text/html', '<p>See <img src="cid:pic%2b1@far.test"> and <img src="cid:own"></p>'),
    part('Content-Type: image/png\r\nContent-ID: <pic+1@far.test>', 'shown'),
    part('Content-Type: image/png\r\nContent-ID: <own>', 'hidden by the writer’s'),
    part('Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf', 'paper'),
    '--b--\r\n',
  ].join('');
  const original = await deliver(on, on.alice, text);
  const attachments = [{ name: 'own.png', type: 'image/png', content: 'eA==', contentId: 'own' }];
  const html = '<p>There</p>';
  await on.ask(on.alice, 'POST', '/send', {
    body: { forwardOf: original.id, to: ['dave@far.test'], html, attachments, quote: true },
  });
  await on.ask(on.alice, 'POST', '/send', { body: { inReplyTo: original.id, html, attachments, quote: true } });
  await on.ask(on.alice, 'POST', '/send', { body: { inReplyTo: original.id, html, quote: false } });
  await on.work();
  const [forward, answer, short] = on.sent.map((one) => one.text);
  const ids = (all: string | undefined): string[] => (all ?? '').match(/^Content-Id: .*$/gim) ?? [];
  assert.deepEqual(ids(forward).sort(), ['Content-ID: <own>', 'Content-ID: <pic+1@far.test>']);
  assert.match(forward!, /multipart\/related/);
  assert.match(forward!, /a\.pdf/);
  assert.deepEqual(ids(answer).sort(), ['Content-ID: <own>', 'Content-ID: <pic+1@far.test>']);
  assert.doesNotMatch(answer!, /a\.pdf/);
  assert.deepEqual(ids(short), []);
});

test('raw messages and forms', async (t) => {
  const on = await sending(t);
  const raw = 'From: alice@alpha.test\nTo: bob@far.test\nBcc: x@far.test\nSubject: raw\n\nbare line ends\n';
  const answer = await on.ask(on.alice, 'POST', '/send', {
    body: raw,
    type: 'message/rfc822',
    query: { notify: 'never' },
  });
  assert.equal(answer.status, 202, answer.text);
  assert.deepEqual(answer.json.recipients, ['bob@far.test', 'x@far.test']);
  await on.work();
  assert.match(
    on.sent[0]!.text,
    /^Date: .*\r\nMessage-ID: <.*@alpha\.test>\r\nFrom: alice@alpha\.test\r\nTo: bob@far\.test\r\nSubject: raw\r\n\r\nbare line ends\r\n$/,
  );
  assert.equal(on.sent[0]!.notify, 'never');
  const forged = raw.replace('alice@', 'bob@');
  assert.equal((await on.ask(on.alice, 'POST', '/send', { body: forged, type: 'message/rfc822' })).status, 403);

  const form = (message: string) =>
    [
      '--b1',
      'Content-Disposition: form-data; name="message"',
      'Content-Type: application/json',
      '',
      message,
      '--b1',
      'Content-Disposition: form-data; name="file"; filename="a.bin"',
      'Content-Type: application/octet-stream',
      '',
      '\x00\x01',
      '--b1--',
      '',
    ].join('\r\n');
  const type = 'multipart/form-data; boundary=b1';
  const sent = await on.ask(on.alice, 'POST', '/send', {
    body: form('{"to":["bob@far.test"],"text":"see file"}'),
    type,
  });
  assert.equal(sent.status, 202, sent.text);
  await on.work();
  assert.match(on.sent[1]!.text, /filename=a\.bin/);
  assert.match(on.sent[1]!.text, /\r\nAAE=\r\n/);
  for (const bad of ['nonsense', '{"too":[]}']) {
    assert.equal((await on.ask(on.alice, 'POST', '/send', { body: form(bad), type })).status, 400);
  }
  assert.equal((await on.ask(on.alice, 'POST', '/send', { body: 'x', type: 'multipart/form-data' })).status, 400);
});

test('what can not be sent is refused, with the place', async (t) => {
  const on = await sending(t);
  const cases: readonly [object, number, string?][] = [
    [{ text: 'to nobody' }, 400, '/body/to'],
    [{ to: ['nobody'] }, 400, '/body/to/0'],
    [{ to: ['a@x.test, b@x.test <c@x.test>'] }, 400, '/body/to/0'],
    [{ to: ['a@x.test'], from: 'bob@alpha.test' }, 403],
    [{ to: ['a@x.test'], headers: { Received: 'x' } }, 400, '/body/headers/Received'],
    [{ to: ['a@x.test'], headers: { 'X-A': 'a\r\nBcc: all@x.test' } }, 400, '/body/headers/X-A'],
    [{ to: ['a@x.test'], attachments: [{}] }, 400, '/body/attachments/0'],
    [{ to: ['a@x.test'], attachments: [{ message: 'mnone', part: '1' }] }, 404],
    [{ to: ['a@x.test'], unknown: 1 }, 400, '/body/unknown'],
    [{ to: ['a@x.test'], inReplyTo: 'mnone' }, 404],
    [{ to: Array.from({ length: 1001 }, (_, i) => `a${i}@x.test`) }, 400, '/body/to'],
  ];
  for (const [body, status, path] of cases) {
    const answer = await on.ask(on.alice, 'POST', '/send', { body });
    assert.equal(answer.status, status, `${JSON.stringify(body).slice(0, 100)}: ${answer.text}`);
    if (path !== undefined) assert.equal(answer.json.errors[0].path, path);
  }
  const injected = await on.ask(on.alice, 'POST', '/send', {
    body: { to: ['a@x.test'], subject: 'x\r\nBcc: b@x.test' },
  });
  assert.deepEqual([injected.status, injected.json.recipients], [202, ['a@x.test']]);
  await on.work();
  assert.doesNotMatch(on.sent[0]!.text, /^Bcc/m);
  const reader = await on.token({ account: on.alice.id, scopes: ['mail:read'] });
  assert.equal((await on.ask(reader, 'POST', '/send', { body: { to: ['a@x.test'] } })).status, 403);
});

test('drafts are stored, replaced, sent and deleted', async (t) => {
  const on = await sending(t);
  const original = await deliver(on, on.alice, letter('Question'));
  const made = await on.ask(on.alice, 'POST', '/drafts', { body: { inReplyTo: original.id, text: 'a' } });
  assert.equal(made.status, 201, made.text);
  const list = await on.ask(on.alice, 'GET', '/drafts');
  assert.deepEqual(
    list.json.items.map((one: { subject: string; keywords: string[] }) => [one.subject, one.keywords]),
    [['Re: Question', ['$draft', '$seen']]],
  );
  const changed = await on.ask(on.alice, 'PUT', `/drafts/${made.json.id}`, {
    body: { inReplyTo: original.id, to: ['bob@far.test'], bcc: ['x@far.test'], text: 'b' },
  });
  assert.equal(changed.status, 200, changed.text);
  assert.equal((await on.ask(on.alice, 'GET', `/drafts/${made.json.id}`)).status, 404);
  const { id } = changed.json;
  assert.equal((await on.ask(on.alice, 'GET', `/drafts/${id}`)).json.to[0].email, 'bob@far.test');
  assert.equal((await on.ask(on.alice, 'GET', `/drafts/${original.id}`)).status, 404, 'mail is no draft');
  assert.equal((await on.ask(on.bob, 'POST', `/drafts/${id}/send`, { body: {} })).status, 404);
  const sent = await on.ask(on.alice, 'POST', `/drafts/${id}/send`, { body: {}, headers: { 'idempotency-key': 'd' } });
  assert.equal(sent.status, 202, sent.text);
  await on.work();
  assert.deepEqual(
    on.sent.map(({ to }) => to.map(formatAddress)),
    [['bob@far.test', 'x@far.test']],
  );
  assert.doesNotMatch(on.sent[0]!.text, /^Bcc/m);
  const again = await on.ask(on.alice, 'POST', `/drafts/${id}/send`, { body: {}, headers: { 'idempotency-key': 'd' } });
  assert.deepEqual(again.json, sent.json);
  assert.deepEqual((await mailIn(on, on.alice, 'Sent'))[0].keywords, ['$seen']);
  assert.ok((await on.ask(on.alice, 'GET', `/messages/${original.id}`)).json.keywords.includes('$answered'));
  const other = await on.ask(on.alice, 'POST', '/drafts', { body: {} });
  assert.equal((await on.ask(on.alice, 'DELETE', `/drafts/${other.json.id}`)).status, 204);
  assert.deepEqual((await on.ask(on.alice, 'GET', '/drafts')).json.items, []);
});
