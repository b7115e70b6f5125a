/**
 * A delivery status notification (RFC 3464 in RFC 6522's multipart/report; RFC 6533 where the sender's address is not ASCII). Composed here and not by
 * nodemailer, since message/delivery-status and the returned header must keep their transfer encoding and order of fields exactly. Pure.
 */
import { formatAddress, needsUtf8 } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { formatDate } from '#mail/header/date.ts';
import { splitFields } from '#mail/header/fields.ts';
import { diagnostic, formatDeliveryStatus, type StatusMessage, statusOf } from './delivery-status.ts';
import type { Action, Notice } from './notice.ts';

export interface ReportInput {
  readonly hostname: string;
  readonly now: number;
  /** Random, of letters and digits: makes the Message-ID and the boundary. */
  readonly id: string;
  /** The sender of the message that is reported on. */
  readonly to: Address;
  readonly message: StatusMessage & { readonly smtputf8: boolean };
  readonly notices: readonly Notice[];
  /** What is given back: the header of the message (RET=HDRS), or all of it. */
  readonly returned: { readonly kind: 'headers' | 'full'; readonly bytes: Uint8Array };
}

export interface Report {
  readonly data: Uint8Array;
  /** The report needs SMTPUTF8, as the message did that it is about. */
  readonly smtputf8: boolean;
  readonly eightBit: boolean;
}

export function composeReport(input: ReportInput): Report {
  const utf8 = needsUtf8(input.to);
  const boundary = `=_report_${input.id}`;
  const eightBit = hasHighOctets(input.returned.bytes);
  const status = formatDeliveryStatus(input.hostname, input.message, input.notices, utf8);
  const text = explain(input, utf8);
  const head = [
    ...reportHeader(input, boundary, utf8, eightBit),
    '',
    'This is a report about the delivery of a message, in MIME format.',
    '',
    `--${boundary}`,
    `Content-Type: text/plain; charset=utf-8`,
    `Content-Transfer-Encoding: ${utf8 ? '8bit' : '7bit'}`,
    '',
    text,
    `--${boundary}`,
    `Content-Type: message/${utf8 ? 'global-delivery-status' : 'delivery-status'}`,
    `Content-Transfer-Encoding: ${utf8 ? '8bit' : '7bit'}`,
    '',
    status,
    `--${boundary}`,
    `Content-Type: ${returnedType(input)}`,
    `Content-Transfer-Encoding: ${eightBit ? '8bit' : '7bit'}`,
    '',
    '',
  ].join('\r\n');
  const data = Buffer.concat([Buffer.from(head), input.returned.bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { data, smtputf8: utf8, eightBit: eightBit || utf8 };
}

function reportHeader(input: ReportInput, boundary: string, utf8: boolean, eightBit: boolean): string[] {
  const original = messageId(input.returned.bytes);
  return [
    `Date: ${formatDate({ time: input.now, zone: 0 })}`,
    `From: Mail Delivery System <mailer-daemon@${input.hostname}>`,
    `To: <${formatAddress(input.to)}>`,
    `Subject: ${subjects[gravest(input.notices)]}`,
    `Message-ID: <${input.id}@${input.hostname}>`,
    ...(original === undefined ? [] : [`In-Reply-To: ${original}`, `References: ${original}`]),
    // RFC 3834 §5: nobody's machine should answer this.
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="${boundary}"`,
    `Content-Transfer-Encoding: ${eightBit || utf8 ? '8bit' : '7bit'}`,
  ];
}

const subjects = {
  failed: 'Undelivered mail: delivery failed',
  delayed: 'Delayed mail: still being delivered',
  delivered: 'Delivery report: delivered',
  relayed: 'Delivery report: relayed',
  expanded: 'Delivery report: expanded',
} satisfies Record<Action, string>;

const introductions = {
  failed: 'could not be delivered to the following address, and will not be tried again:',
  delayed: 'could not be delivered yet. You need do nothing: it is tried again',
  delivered: 'was delivered to:',
  relayed: 'was passed on to a system that does not report deliveries, for:',
  expanded: 'was passed on to several addresses, for:',
} satisfies Record<Action, string>;

const order: readonly Action[] = ['failed', 'delayed', 'expanded', 'relayed', 'delivered'];

function gravest(notices: readonly Notice[]): Action {
  return order.find((action) => notices.some((notice) => notice.action === action)) ?? 'failed';
}

/** The part for people. */
function explain(input: ReportInput, utf8: boolean): string {
  const paragraphs = [`This is the mail system at ${input.hostname}.`];
  for (const action of order) {
    const notices = input.notices.filter((notice) => notice.action === action);
    if (notices.length === 0) continue;
    const until = action === 'delayed' ? retryText(notices) : '';
    paragraphs.push(`Your message ${introductions[action]}${until}`);
    for (const notice of notices) paragraphs.push(recipientText(notice, utf8));
  }
  return `${paragraphs.join('\r\n\r\n')}\r\n`;
}

function retryText(notices: readonly Notice[]): string {
  const until = Math.max(...notices.map((notice) => notice.willRetryUntil ?? 0));
  return until === 0 ? ' for:' : ` until\r\n${formatDate({ time: until, zone: 0 })} for:`;
}

function recipientText(notice: Notice, utf8: boolean): string {
  const { reply, remoteMta } = notice;
  const lines = [`  <${formatAddress(notice.recipient.address)}>  (${statusOf(notice)})`];
  if (reply !== undefined)
    lines.push(`  ${remoteMta === undefined ? 'Reason' : `${remoteMta} said`}: ${diagnostic(reply)}`);
  // RFC 5321 §4.5.3.1.6: at most 998 octets a line, of UTF-8 that may take four for a character.
  const text = lines.map((line) => line.replace(/[\0-\x1f\x7f]+/g, ' ').slice(0, 240)).join('\r\n');
  return utf8 ? text : text.replace(/[^\r\n\x20-\x7e]/g, '?');
}

/** RFC 6522 §3, RFC 6533 §5 and §6. */
function returnedType(input: ReportInput): string {
  if (input.returned.kind === 'full') return input.message.smtputf8 ? 'message/global' : 'message/rfc822';
  return input.message.smtputf8 ? 'message/global-headers' : 'text/rfc822-headers';
}

function messageId(bytes: Uint8Array): string | undefined {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 65_536)).toString('latin1');
  const field = splitFields(header, { fields: 1000 }).find(({ name }) => name.toLowerCase() === 'message-id');
  return field === undefined ? undefined : /<[!-;=?-~]{1,240}>/.exec(field.value)?.[0];
}

const hasHighOctets = (bytes: Uint8Array): boolean => bytes.some((octet) => octet > 0x7f);
