/** Binary and 8-bit content for a server that is not ours and takes less: what Dovecot stores means what was sent. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import type { BodyType } from '#mail/envelope.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import { Extensions } from '#runtime/smtp/extensions.ts';
import { systemClock as clock, systemRandom as random } from '#runtime/system.ts';
import { MessageContent } from '../../mta/delivery/message-content.ts';
import { Sendables } from '../../mta/delivery/sendable.ts';
import { type Dovecot, startDovecot } from './dovecot.ts';
import { needsRoot } from './programs.ts';

const USER = 'dora@delta.test';
const EVERY = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
const TEXT = 'Grüße aus Köln. \r\n.\r\n\tund noch mehr, '.repeat(3);

function message(binary: boolean): Buffer {
  const encoding = binary ? 'binary' : '8bit';
  const file = binary ? Buffer.concat(Array.from({ length: 300 }, () => EVERY)) : Buffer.from('plain');
  const head = `From: a@us.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  const text = `--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${TEXT}\r\n`;
  const part = `--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head + text + part), file, Buffer.from('\r\n--b--\r\n')]);
}

describe('what a host cannot take is converted', { skip: needsRoot('dovecot') }, () => {
  let dovecot: Dovecot;
  before(async () => {
    dovecot = await startDovecot();
  });
  after(() => dovecot?.close());

  /** @param announced in the place of what Dovecot said, to have it converted further. */
  async function send(content: Buffer, bodyType: BodyType, announced?: Extensions): Promise<void> {
    const source = {
      async *content(_: string, start = 0, end = content.length): AsyncIterable<Uint8Array> {
        yield content.subarray(start, end);
      },
    };
    const sendables = new Sendables(new MessageContent(source, 'q', content.length), bodyType);
    const options = { clock, random, protocol: 'lmtp', hostname: 'us.test' } as const;
    const client = await SmtpClient.open({ path: dovecot.lmtp.path }, options);
    const sendable = await sendables.for(announced ?? client.extensions);
    assert.ok(!('code' in sendable));
    const recipients = [{ address: { localPart: 'dora', domain: 'delta.test' } }];
    const result = await client.send({ reversePath: null, recipients, smtputf8: false, ...sendable });
    await client.quit();
    const [first] = result.recipients;
    assert.equal(first?.kind === 'reply' && first.reply.code, 250, JSON.stringify(first));
  }

  /** Source, and the decoded parts, of the newest message. */
  async function newest(): Promise<{ source: string; text: Buffer; file: Buffer }> {
    const auth = { user: USER, pass: dovecot.password };
    const client = new ImapFlow({ host: dovecot.host, port: dovecot.port, secure: false, auth, logger: false });
    await client.connect();
    await client.mailboxOpen('INBOX');
    const { source } = (await client.fetchOne('*', { source: true })) || {};
    const part = async (number: string): Promise<Buffer> => {
      const chunks: Uint8Array[] = [];
      const { content } = await client.download('*', number);
      for await (const chunk of content as AsyncIterable<Uint8Array>) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    const found = { source: source?.toString('latin1') ?? '', text: await part('1'), file: await part('2') };
    await client.logout();
    return found;
  }

  test('binary content for a host without BINARYMIME, and for one without 8BITMIME', async () => {
    const nothing = new Extensions({ code: 250, lines: ['old.test'] });
    for (const announced of [undefined, nothing]) {
      await send(message(true), 'binarymime', announced);
      const { source, text, file } = await newest();
      assert.equal(text.toString(), TEXT);
      assert.ok(file.equals(Buffer.concat(Array.from({ length: 300 }, () => EVERY))));
      assert.doesNotMatch(source, announced === undefined ? /\0/ : /[\0\x80-\xff]/);
    }
  });

  test('8-bit content for a host without 8BITMIME', async () => {
    await send(message(false), '8bitmime', new Extensions({ code: 250, lines: ['old.test'] }));
    const { source, text } = await newest();
    assert.equal(text.toString(), TEXT);
    assert.doesNotMatch(source, /[\x80-\xff]/);
  });
});
