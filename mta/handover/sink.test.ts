import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import type { ForwardPath } from '#mail/envelope.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { systemClock, systemRandom } from '#runtime/system.ts';
import type { NewQueueEntry, QueueRecipient } from '#store/queue.ts';
import { silentLog } from '#test/support/log.ts';
import { greet, play, type Scene, scriptedPeer } from '#test/support/scripted-peer.ts';
import { reportsFor } from '../dsn/reporter.ts';
import type { AcceptedMessage } from '../message-sink.ts';
import { MdaConnections } from './mda-connections.ts';
import { HandoverSink } from './sink.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const text = 'Subject: x\r\n\r\nhello\r\n';

interface Setting {
  readonly sink: HandoverSink;
  readonly queued: NewQueueEntry[];
  readonly kept: (readonly [envelopeId: string, entry: string, recipients: readonly QueueRecipient[]])[];
  readonly folder: string;
}

/** A sink before an MDA that follows a script, or before none. */
async function setting(
  act: ((scene: Scene) => Promise<void>) | undefined,
  more: { deadlineMs?: number; enqueue?: () => Promise<string>; keep?: () => Promise<void> } = {},
): Promise<Setting> {
  const folder = mkdtempSync(join(tmpdir(), 'sink-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'lmtp.sock');
  if (act !== undefined) {
    const peer = await scriptedPeer(act, { path });
    cleanups.push(() => peer.close());
  }
  const ambient = { clock: systemClock, random: systemRandom, log: silentLog };
  const mda = new MdaConnections({ ...ambient, hostname: 'us.test', path, deadlineMs: more.deadlineMs ?? 2000 });
  cleanups.push(() => mda.close());
  const queued: NewQueueEntry[] = [];
  const enqueue = async (entry: NewQueueEntry): Promise<string> => {
    queued.push(entry);
    return entry.id;
  };
  const kept: Setting['kept'] = [];
  const keep = async (...args: Setting['kept'][number]): Promise<void> => {
    kept.push(args);
  };
  const sink = new HandoverSink({
    ...ambient,
    mda,
    queue: { enqueue: more.enqueue ?? enqueue, keep: more.keep ?? keep },
    expire: 1000,
    report: (message, notices, content) =>
      reportsFor(message, notices, content, { ...ambient, hostname: 'us.test', expire: 1000 }),
  });
  return { sink, queued, kept, folder };
}

const to = (localPart: string, more: Partial<ForwardPath> = {}): ForwardPath => ({
  address: { localPart, domain: 'us.test' },
  ...more,
});

function message(recipients: ForwardPath[], more: Partial<AcceptedMessage> = {}): AcceptedMessage {
  return {
    id: 'q1',
    deliveryId: 'd=1',
    envelope: {
      reversePath: { localPart: 'a', domain: 'far.test' },
      forwardPaths: recipients,
      bodyType: '7bit',
      smtputf8: false,
    },
    local: recipients.map(() => true),
    content: { data: Buffer.from(text) },
    arrivedAt: 5,
    ...more,
  };
}

const shape = (answer: Reply): string => `${answer.code} ${answer.enhanced} ${answer.lines[0]?.split(' ')[0]}`;
/** An MDA with the answers to one flight: MAIL, RCPT …, and one for each recipient. */
const mda = (...answers: string[]): ((scene: Scene) => Promise<void>) =>
  greet(['PIPELINING', 'CHUNKING'], play(/MAIL.* XDELIVERYID=d\+3D1\r\n.*hello\r\n/s, answers.join('\r\n'), /QUIT/));

test('local mail is with the MDA before the answer, and never touches the queue', async () => {
  const { sink, queued } = await setting(mda('250 m', '250 r', '250 2.0.0 stored'));
  assert.equal(shape(await sink.accept(message([to('b')]))), '250 0.0 Delivered');
  assert.deepEqual(queued, []);
});

test('a refusal that all recipients share is passed on', async () => {
  const one = await setting(mda('250 m', '250 r', '250 r', '452 4.2.2 full', '452 4.2.2 full too'));
  assert.deepEqual(await one.sink.accept(message([to('b'), to('c')])), reply(452, '2.2', 'full'));
  const other = await setting(mda('250 m', '550 5.1.1 gone', '250 r', '550 5.7.1 rejected'));
  assert.deepEqual(await other.sink.accept(message([to('b'), to('c')])), reply(550, '1.1', 'gone'));
  assert.deepEqual([...one.queued, ...other.queued], []);
});

test('where answers differ it is 250, and those left are queued under the same delivery id', async () => {
  const { sink, queued } = await setting(
    mda('250 m', '250 r', '250 r', '250 r', '250 stored', '452 4.2.2 full', '550 5.7.1 rejected'),
  );
  assert.equal(shape(await sink.accept(message([to('b'), to('c'), to('d')]))), '250 0.0 Queued');
  assert.equal(queued.length, 1);
  assert.deepEqual([queued[0]?.id, queued[0]?.deliveryId, queued[0]?.expiresAt], ['q1', 'd=1', 1005]);
  assert.deepEqual(queued[0]?.recipients, [to('c'), to('d')]);
});

const noAnswer: [name: string, act: ((scene: Scene) => Promise<void>) | undefined][] = [
  ['is not there', undefined],
  ['hangs up', play()],
  ['says 421', mda('421 4.3.2 restarting')],
  ['takes too long to greet', play(/never/)],
  ['takes too long to store', greet(['PIPELINING', 'CHUNKING'], play(/hello/, '250 m\r\n250 r', /never/))],
  ['dies before its answer', greet(['PIPELINING', 'CHUNKING'], play(/hello/, '250 m\r\n250 r', 'reset'))],
];

for (const [name, act] of noAnswer) {
  test(`when the MDA ${name} the message is queued`, async () => {
    const { sink, queued } = await setting(act, { deadlineMs: 200 });
    assert.equal(shape(await sink.accept(message([to('b')]))), '250 0.0 Queued');
    assert.deepEqual(
      queued.map((entry) => entry.recipients),
      [[to('b')]],
    );
  });
}

test('with a remote recipient all is queued first', async () => {
  const { sink, queued } = await setting(async () => assert.fail('the MDA was asked'));
  const answer = await sink.accept(message([to('b'), to('c')], { local: [true, false] }));
  assert.equal(shape(answer), '250 0.0 Queued');
  assert.deepEqual(queued[0]?.recipients, [to('b'), to('c')]);
});

test('RFC 5321 §6.1: what cannot be queued is refused for now', async () => {
  const { sink, folder } = await setting(undefined, { enqueue: () => Promise.reject(new Error('disk')) });
  const file = join(folder, 'spool');
  writeFileSync(file, text);
  const content = { file, size: text.length };
  assert.equal(shape(await sink.accept(message([to('b')], { content }))), '451 3.0 Temporary');
  assert.ok(!existsSync(file));
});

test('content in a spool file is streamed, and the file removed', async () => {
  let got = '';
  const streamed = await setting(
    greet(['PIPELINING', 'CHUNKING'], async (scene) => {
      await play(/MAIL.*RCPT.*?\r\n/s, '250 m\r\n250 r')(scene);
      got = (await scene.expect(/BDAT 21 LAST\r\n.*hello\r\n/s))[0];
      await play('250 stored', /QUIT/)(scene);
    }),
  );
  const file = join(streamed.folder, 'spool');
  writeFileSync(file, text);
  const content = { file, size: text.length };
  assert.equal(shape(await streamed.sink.accept(message([to('b')], { content }))), '250 0.0 Delivered');
  assert.ok(got.endsWith(text));
  assert.ok(!existsSync(file));
});

test('RFC 3461 §5.2.1: success is reported to who asked for it', async () => {
  const { sink, queued } = await setting(mda('250 m', '250 r', '250 r', '250 2.0.0 stored', '250 stored'));
  const notify = { success: true, failure: true, delay: false };
  assert.equal(shape(await sink.accept(message([to('b', { notify }), to('c')]))), '250 0.0 Delivered');
  const [report] = queued;
  assert.ok(queued.length === 1 && report !== undefined && 'data' in report.content);
  assert.match(
    Buffer.from(report.content.data).toString(),
    /rfc822; b@us\.test\r\nAction: delivered\r\nStatus: 2\.0\.0/,
  );
  assert.equal(report.reversePath, null);
});

test('many messages share a few connections', async () => {
  let connections = 0;
  const { sink } = await setting(
    greet(['PIPELINING', 'CHUNKING'], async (scene) => {
      connections = Math.max(connections, scene.index + 1);
      for (let first = true; ; first = false) {
        const [word] = await scene.expect(/hello\r\n|QUIT/);
        if (word === 'QUIT') return;
        scene.say(`${first ? '' : '250 reset\r\n'}250 m\r\n250 r\r\n250 stored\r\n`);
      }
    }),
  );
  const answers = await Promise.all(Array.from({ length: 200 }, () => sink.accept(message([to('b')]))));
  assert.ok(answers.every((answer) => answer.code === 250));
  assert.ok(connections <= 3, `${connections}`);
});

test('of a tracked message what was delivered at once is kept, and what is left is tracked in the queue', async () => {
  const tracked = { tracked: true } as const;
  const envelope = { ...message([]).envelope, envelopeId: 's1' };
  const all = [to('b'), to('c', { originalRecipient: { type: 'rfc822', address: 'alias@us.test' } }), to('d')];
  const { sink, queued, kept } = await setting(
    mda('250 m', '250 r', '250 r', '250 r', '250 2.0.0 stored', '250 2.0.0 stored', '452 4.2.2 full'),
  );
  await sink.accept(message(all, { ...tracked, envelope: { ...envelope, forwardPaths: all } }));
  assert.deepEqual(
    kept.map(([id, entry, recipients]) => [id, entry, recipients.map((one) => [one.address.localPart, one.index])]),
    // Position 0 is taken by the one that is left.
    [
      [
        's1',
        'q1',
        [
          ['b', 1],
          ['c', 2],
        ],
      ],
    ],
  );
  assert.deepEqual(kept[0]?.[2][1]?.originalRecipient, { type: 'rfc822', address: 'alias@us.test' });
  assert.equal(kept[0]?.[2][0]?.lastReply?.lines[0], 'stored');
  assert.deepEqual(
    queued.map((entry) => [entry.tracked, entry.recipients.length]),
    [[true, 1]],
  );
});

test('a tracked message whose outcome can not be kept is answered as temporary', async () => {
  const keep = (): Promise<void> => Promise.reject(new Error('no queue'));
  const { sink } = await setting(mda('250 m', '250 r', '250 2.0.0 stored'), { keep });
  const envelope = { ...message([]).envelope, envelopeId: 's1', forwardPaths: [to('b')] };
  assert.equal((await sink.accept(message([to('b')], { tracked: true, envelope }))).code, 451);
});
