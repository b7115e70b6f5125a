/** Whole sessions of the SMTP server: port 25 and submission. */
import assert from 'node:assert/strict';
import { MailError } from '#mail/failure.ts';
import { ReplyParser } from '#mail/smtp/reply-parser.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { FakeClock } from '#test/support/clock.ts';
import { recordingLog } from '#test/support/log.ts';
import { connectionPair } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import { createSmtpServer } from '../../../mta/server/listener.ts';
import { fakeDirectory, memorySpool, noNames, rememberingSink, testConfig } from '../../dialog/smtp/world.ts';
import { dialogs, sessions } from '../seeds.ts';
import type { Target } from '../target.ts';
import { converse, fewPieces, listen } from './kit.ts';
import { SMTP_WORDS } from './smtp.ts';

export const smtpSession: Target = {
  name: 'smtp-session',
  dictionary: SMTP_WORDS,
  seeds: () => [...dialogs('smtp').filter((octets) => octets.length < 20_000), ...sessions('smtp', 'client')],
  async run(input, random) {
    const clock = new FakeClock();
    const sink = rememberingSink();
    const spool = memorySpool();
    const log = recordingLog();
    const server = createSmtpServer({
      config: testConfig({ messageSize: 20_000, lineLength: 1_000, channelBinding: random.below(2) }),
      directory: fakeDirectory(),
      sink,
      resolver: noNames,
      coordination: new LocalCoordination(clock),
      spool,
      hasRoom: async () => true,
      clock,
      random: fakeRandom(),
      log,
    });
    const kind = random.pick(['smtp', 'smtp', 'submission', 'submissions'] as const);
    const address = random.pick(['127.0.0.1', '192.0.2.1']);
    const pair = connectionPair({ clock, remote: { address, port: 4000 }, tls: kind === 'submissions' });
    const session = server.accept(kind, pair.server);
    const heard = listen(pair.client);
    if (random.chance(90)) await clock.advance(100);
    await converse(pair.client, fewPieces(random.cut(input)), session, clock);
    const parser = new ReplyParser();
    const replies = parser.push(await heard);
    assert.equal(parser.partial, false, 'a reply has no end');
    assert.ok(replies.length > 0, 'nothing was said');
    assert.equal(clock.pending, 0, 'timers are left over');
    const faults = log.entries.filter(
      ({ level, fields }) => level === 'error' && 'err' in fields && !isPlayed(fields.err),
    );
    assert.deepEqual(
      faults.map(({ fields }) => fields.err),
      [],
      'a fault was logged',
    );
    for (const { content, envelope } of sink.messages) {
      const text = 'data' in content ? Buffer.from(content.data) : spool.file(content.file);
      if (envelope.bodyType === 'binarymime') continue;
      assert.doesNotMatch(text.toString('latin1'), /\0|\r(?!\n)|(?<!\r)\n/, 'irregular content was accepted');
    }
  },
};

/** The world of dialogs has addresses and users that play trouble. */
const isPlayed = (error: unknown): boolean =>
  error instanceof MailError || (error instanceof TypeError && error.message === 'a fault of ours');
