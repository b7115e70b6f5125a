/** Replies as our client reads them, and whole conversations with a peer that says something else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { formatReply, type Reply } from '#mail/smtp/reply.ts';
import { ReplyParser, ReplySyntaxError } from '#mail/smtp/reply-parser.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import { ClientError } from '#runtime/smtp/client-types.ts';
import { Extensions } from '#runtime/smtp/extensions.ts';
import { systemClock as clock, systemRandom } from '#runtime/system.ts';
import type { FuzzRandom } from '../random.ts';
import { sessions } from '../seeds.ts';
import type { Target } from '../target.ts';
import { holds } from './kit.ts';

const OURS =
  '220 peer.test ESMTP\r\n250-peer.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-LIMITS RCPTMAX=2 MAILMAX=1\r\n250-BINARYMIME\r\n250 CHUNKING\r\n' +
  '250 2.1.0 ok\r\n250 2.1.5 ok\r\n550 5.1.1 no\r\n250 2.0.0 taken\r\n250 2.0.0 taken\r\n221 2.0.0 bye\r\n';
const OLD = '220 old\r\n500 what?\r\n250 old\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n221 bye\r\n';

export const smtpClient: Target = {
  name: 'smtp-client',
  dictionary: [
    '220 ',
    '250-',
    '250 ',
    '354 go\r\n',
    '421 4.3.2 bye\r\n',
    '452 4.5.3 ',
    '550-5.7.1 ',
    '199 ',
    '334 ',
    '000 ',
    '2500',
    '\r\n',
    '\n',
    '\r',
    '\0',
    '-',
    'STARTTLS',
    'SIZE=',
    'LIMITS RCPTMAX=1',
    'AUTH=PLAIN',
    'CHUNKING',
    'PIPELINING',
    'DSN',
    '\xff',
    '\xc3',
    'x'.repeat(600),
  ],
  seeds: () => [Buffer.from(OURS), Buffer.from(OLD), Buffer.from(OURS.repeat(3)), ...sessions('smtp', 'server')],
  async run(input, random) {
    checkParser(input, random);
    await checkConversation(input, random);
  },
  properties: [
    holds(
      fc.property(reply(), (value) => {
        const [read] = new ReplyParser().push(Buffer.from(formatReply(value)));
        assert.deepEqual(read, value);
      }),
    ),
  ],
};

/** As our server says them. */
function reply(): fc.Arbitrary<Reply> {
  const line = fc.stringMatching(/^[!-~][ -~]{0,60}$/).filter((text) => !/^[245]\.\d/.test(text));
  const code = fc.constantFrom(220, 250, 354, 421, 452, 550);
  const enhanced = fc.option(fc.constantFrom('0.0', '1.5', '7.26'), { nil: undefined });
  return fc.record({ code, enhanced, lines: fc.array(line, { minLength: 1, maxLength: 5 }) }).map((made) => {
    const { code: number, enhanced: status, lines } = made;
    return status === undefined || number === 354 ? { code: number, lines } : { code: number, enhanced: status, lines };
  });
}

function parse(pieces: readonly Buffer[]): { replies: Reply[]; broken: boolean } {
  const parser = new ReplyParser();
  const replies: Reply[] = [];
  try {
    for (const piece of pieces) replies.push(...parser.push(piece));
    return { replies, broken: false };
  } catch (error) {
    if (!(error instanceof ReplySyntaxError)) throw error;
    return { replies, broken: true };
  }
}

function checkParser(input: Buffer, random: FuzzRandom): void {
  const whole = parse([input]);
  const parted = parse(random.cut(input));
  assert.equal(parted.broken, whole.broken, 'nonsense depends on the pieces');
  // Replies before the nonsense come or don't, as the pieces have it.
  if (!whole.broken) assert.deepEqual(parted.replies, whole.replies, 'replies depend on the pieces');
  for (const answer of whole.replies) {
    const extensions = new Extensions(answer);
    assert.ok((extensions.sizeLimit ?? 1) > 0 && extensions.limit('RCPTMAX') > 0);
    extensions.mechanisms.join();
  }
}

let peer: Promise<{ server: Server; path: string }> | undefined;
let script: readonly Buffer[] = [];

/** One peer for all: it says what it was given, whatever it hears, and closes. */
async function listening(): Promise<{ server: Server; path: string }> {
  const path = join(mkdtempSync(join(tmpdir(), 'peerpost-fuzz-')), 'peer.sock');
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.resume();
    for (const piece of script) socket.write(piece);
    socket.end();
  });
  server.listen(path);
  await once(server, 'listening');
  server.unref();
  return { server, path };
}

async function checkConversation(input: Buffer, random: FuzzRandom): Promise<void> {
  peer ??= listening();
  const { path } = await peer;
  script = random.cut(input);
  const ms = 2_000;
  const timeouts = {
    connect: ms,
    greeting: ms,
    command: ms,
    tls: ms,
    mail: ms,
    rcpt: ms,
    data: ms,
    block: ms,
    final: ms,
    quit: ms,
  };
  const protocol = random.pick(['smtp', 'lmtp'] as const);
  let client: SmtpClient;
  try {
    client = await SmtpClient.open({ path }, { clock, random: systemRandom, protocol, hostname: 'us.test', timeouts });
  } catch (error) {
    assert.ok(error instanceof ClientError, String(error));
    return;
  }
  const recipients = ['a', 'b', 'c'].map((localPart) => ({ address: { localPart, domain: 'x.test' } }));
  const content = Buffer.from('Subject: x\r\n\r\n.\r\nhello\r\n');
  for (let i = 0; i < 2; i += 1) {
    const chosen = client.choose(recipients);
    const bodyType = random.pick(['7bit', '8bitmime', 'binarymime'] as const);
    const result = await client.send({
      reversePath: null,
      recipients: chosen,
      bodyType,
      smtputf8: false,
      size: content.length,
      content,
    });
    assert.equal(result.recipients.length, chosen.length);
    assert.ok(result.recipients.every(({ kind }) => kind === 'reply' || kind === 'lost'));
  }
  await client.quit();
}
