/** Messages and commits for the contract suites, made by hand so that the suites lean on no other part. */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { DateTime, IndexedAddress, LineFacts, MessageIndex } from '#mail/mime/message-index.ts';
import type { Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { InlineBody, NewMessage } from '#store/types.ts';

export const random: Random = { bytes: (length) => randomBytes(length), fraction: Math.random };

export interface Sketch {
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
  readonly messageId?: string;
  readonly inReplyTo?: readonly string[];
  readonly references?: readonly string[];
  readonly text?: string;
  readonly prefix?: string;
  readonly date?: DateTime;
  readonly internalDate?: DateTime;
  /** More header lines, each ended by CRLF. */
  readonly more?: string;
}

export const utc = (text: string): DateTime => ({ time: Date.parse(text), zone: 0 });

/** A whole text message with its index; `text` is its body, plain UTF-8. */
export function sketch(given: Sketch = {}): { message: NewMessage; content: Buffer } {
  const head = [
    `Subject: ${given.subject ?? 'Hello'}\r\n`,
    `From: ${given.from ?? 'alice@alpha.test'}\r\n`,
    `To: ${given.to ?? 'bob@beta.test'}\r\n`,
    given.messageId === undefined ? '' : `Message-ID: <${given.messageId}>\r\n`,
    given.more ?? '',
    '\r\n',
  ].join('');
  const data = Buffer.from(head + (given.text ?? 'Some text.\r\n'));
  const prefix = Buffer.from(given.prefix ?? '');
  const message: NewMessage = {
    id: newId('message', random),
    body: inline(data),
    prefix,
    index: { ...index(given, Buffer.byteLength(head), data.length), sending: linesOf(data.toString('latin1')) },
    internalDate: given.internalDate ?? utc('2026-03-04T05:06:07Z'),
  };
  return { message, content: Buffer.concat([prefix, data]) };
}

export function inline(data: Uint8Array): InlineBody {
  return { id: newId('body', random), length: data.length, crc: crc32(data), codec: 'identity', key: null, data };
}

function linesOf(text: string): LineFacts {
  const lines = text.replaceAll(/\r?\n/g, '\r\n');
  const growth = (lines.endsWith('\n') ? lines : `${lines.replace(/\r$/, '')}\r\n`).length - text.length;
  return { growth, dots: /^\./m.test(text) };
}

function index(given: Sketch, bodyStart: number, size: number): Omit<MessageIndex, 'sending'> {
  const lines = { headerStart: 0, bodyStart, bodyEnd: size, lines: 1, children: [] };
  return {
    size,
    envelope: Buffer.from(`(NIL "${given.subject ?? 'Hello'}" NIL NIL NIL NIL NIL NIL NIL NIL)`),
    body: Buffer.from('("TEXT" "PLAIN" NIL NIL NIL "8BIT" 1 1)'),
    bodystructure: Buffer.from('("TEXT" "PLAIN" NIL NIL NIL "8BIT" 1 1 NIL NIL NIL NIL)'),
    root: { ...lines, type: 'text/plain', charset: 'utf-8', encoding: '8bit' },
    headers: {
      subject: given.subject ?? 'Hello',
      from: address(given.from ?? 'alice@alpha.test'),
      sender: [],
      replyTo: [],
      to: address(given.to ?? 'bob@beta.test'),
      cc: [],
      bcc: [],
      ...(given.messageId === undefined ? {} : { messageId: given.messageId }),
      inReplyTo: given.inReplyTo ?? [],
      references: given.references ?? [],
      ...(given.date === undefined ? {} : { date: given.date }),
    },
    preview: (given.text ?? 'Some text.').slice(0, 256).trim(),
    defects: [],
  };
}

/** `Name <local@domain>` or a bare address. */
function address(text: string): IndexedAddress[] {
  const match = /^(.*) <(.*)>$/.exec(text);
  return [match === null ? { name: '', address: text } : { name: match[1]!, address: match[2]! }];
}
