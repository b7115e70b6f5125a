/** From notices about a queued message to the entries that report them: at most one report a message and occasion. */

import { isAutomatic, isWanted, type Notice } from '#mail/dsn/notice.ts';
import { composeReport } from '#mail/dsn/report.ts';
import type { Clock, Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { NewQueueEntry, QueueEntry } from '#store/queue.ts';

/** What of a message is looked at to find the end of its header. */
const HEADER_LIMIT = 65_536;
/** Without RET, a failed message of up to this size is given back whole (RFC 3461 §4.3 leaves it to us). */
const FULL_LIMIT = 65_536;

export type ReportedMessage = Pick<
  QueueEntry,
  'reversePath' | 'bodyType' | 'smtputf8' | 'envelopeId' | 'ret' | 'arrivedAt' | 'size'
>;

export interface ReporterOptions {
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds until the report itself is given up. */
  readonly expire: number;
}

/** `content` reads octets [start, end) of the message. */
export async function reportsFor(
  message: ReportedMessage,
  notices: readonly Notice[],
  content: (start: number, end: number) => AsyncIterable<Uint8Array>,
  options: ReporterOptions,
): Promise<NewQueueEntry[]> {
  const to = message.reversePath;
  let wanted = notices.filter((notice) => isWanted(message, notice.recipient, notice.action));
  if (to === null || wanted.length === 0) return [];
  const start = await gather(content(0, Math.min(message.size, HEADER_LIMIT)));
  const header = headerOf(start);
  if (isAutomatic(header.toString('latin1'))) wanted = wanted.filter((notice) => notice.action !== 'delayed');
  if (wanted.length === 0) return [];

  // RFC 3461 §6.2: the whole only where something failed. RFC 3030 §3: binary content can't stand in a report as it is.
  const full =
    message.bodyType !== 'binarymime' &&
    wanted.some((notice) => notice.action === 'failed') &&
    (message.ret === 'full' || (message.ret === undefined && message.size <= FULL_LIMIT));
  const bytes = !full ? header : message.size <= start.length ? start : await gather(content(0, message.size));
  const now = options.clock.now();
  const id = newId('queue', options.random);
  const report = composeReport({
    hostname: options.hostname,
    now,
    id,
    to,
    message,
    notices: wanted,
    returned: { kind: full ? 'full' : 'headers', bytes },
  });
  return [
    {
      id,
      deliveryId: newId('delivery', options.random),
      // RFC 3464 §2: reports have the null reverse-path, so that none is ever reported on.
      reversePath: null,
      bodyType: report.eightBit ? '8bitmime' : '7bit',
      smtputf8: report.smtputf8,
      signAs: options.hostname.toLowerCase(),
      arrivedAt: now,
      expiresAt: now + options.expire,
      recipients: [{ address: to, notify: 'never' }],
      content: { data: report.data },
    },
  ];
}

/** The header section with its last line end, without the empty line; cut at a line where it is longer than we looked. */
function headerOf(start: Buffer): Buffer {
  const end = start.indexOf('\r\n\r\n');
  const header = start.subarray(0, end >= 0 ? end + 2 : start.lastIndexOf('\r\n') + 2);
  // Only BINARYMIME lets these through; a report has none.
  const spoilt = /\0|\r(?!\n)|(?<!\r)\n/g;
  const text = header.toString('latin1');
  return spoilt.test(text) ? Buffer.from(text.replace(spoilt, '?'), 'latin1') : header;
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
