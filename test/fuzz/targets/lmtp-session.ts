/** Whole sessions of the MDA's LMTP over a store in memory: what is stored is read back. */
import assert from 'node:assert/strict';
import { ReplyParser } from '#mail/smtp/reply-parser.ts';
import { lmtpTestServer } from '../../dialog/lmtp/rooms.ts';
import { corpus, dialogs } from '../seeds.ts';
import type { Target } from '../target.ts';
import { converse, fewPieces, listen } from './kit.ts';
import { SMTP_WORDS } from './smtp.ts';

const HEAD = 'LHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@beta.test>\r\nRCPT TO:<all@beta.test>\r\n';

export const lmtpSession: Target = {
  name: 'lmtp-session',
  dictionary: SMTP_WORDS,
  seeds: () => [
    ...dialogs('lmtp'),
    ...corpus(2_000)
      .filter((_, i) => i % 5 === 0)
      .map((message) =>
        Buffer.concat([Buffer.from(`${HEAD}BDAT ${message.length} LAST\r\n`), message, Buffer.from('QUIT\r\n')]),
      ),
  ],
  async run(input, random) {
    const server = await lmtpTestServer();
    const { client, ended } = server.connect();
    const heard = listen(client);
    await converse(client, fewPieces(random.cut(input)), ended, server.clock);
    const parser = new ReplyParser();
    const replies = parser.push(await heard);
    assert.equal(parser.partial, false, 'a reply has no end');
    assert.equal(replies[0]?.code, 220);
    const faults = replies.filter(({ code, lines }) => code === 451 && /session/.test(lines.join(' ')));
    assert.deepEqual(faults, [], 'a fault was answered');
    const stored = replies.filter(({ code, lines }) => code === 250 && lines[0]?.startsWith('Delivered')).length;
    if (stored === 0) return;
    const found =
      (await server.messages('bob@beta.test', 'INBOX')).length +
      (await server.messages('dave@beta.test', 'INBOX')).length;
    const elsewhere =
      (await server.messages('bob@beta.test', 'lists')).length +
      (await server.messages('bob@beta.test', 'Lists/Node')).length;
    assert.ok(found + elsewhere > 0, `${stored} deliveries were answered and none is there`);
  },
};
