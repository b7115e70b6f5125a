/** The machine-readable part of a report (RFC 3464 §2, RFC 6533 §4): fields about the message, then a group for each recipient. Pure. */
import { formatAddress, needsUtf8 } from '#mail/address.ts';
import type { ForwardPath } from '#mail/envelope.ts';
import { formatDate } from '#mail/header/date.ts';
import { formatOrcpt } from '#mail/smtp/orcpt.ts';
import { enhancedCode, type Reply } from '#mail/smtp/reply.ts';
import type { Notice } from './notice.ts';

export interface StatusMessage {
  readonly envelopeId?: string;
  readonly arrivedAt: number;
}

/** `utf8`: the report itself travels with SMTPUTF8, so that addresses may stand in it as they are. */
export function formatDeliveryStatus(
  hostname: string,
  message: StatusMessage,
  notices: readonly Notice[],
  utf8: boolean,
): string {
  const head = [
    // RFC 3461 §6.3 (a): decoded from the xtext of ENVID.
    ...(message.envelopeId === undefined ? [] : [`Original-Envelope-Id: ${message.envelopeId}`]),
    `Reporting-MTA: dns; ${hostname}`,
    `Arrival-Date: ${date(message.arrivedAt)}`,
  ];
  const groups = [head, ...notices.map((notice) => recipientFields(notice, utf8))];
  return groups
    .map((fields) => `${fields.map((field) => foldField(clean(field, utf8))).join('\r\n')}\r\n`)
    .join('\r\n');
}

function recipientFields(notice: Notice, utf8: boolean): string[] {
  const { recipient, reply, remoteMta } = notice;
  const fields: string[] = [];
  if (recipient.originalRecipient !== undefined) {
    // RFC 3461 §6.3 (d): likewise without its xtext; the type utf-8 has an encoding of its own for these fields (RFC 6533 §3).
    const { type, address } = recipient.originalRecipient;
    const text = type.toLowerCase() === 'utf-8' ? formatOrcpt({ type, address }, utf8) : `${type}; ${address}`;
    fields.push(`Original-Recipient: ${text}`);
  }
  fields.push(`Final-Recipient: ${finalRecipient(recipient, utf8)}`);
  fields.push(`Action: ${notice.action}`, `Status: ${statusOf(notice)}`);
  if (remoteMta !== undefined) fields.push(`Remote-MTA: dns; ${remoteMta}`);
  // RFC 3464 §2.3.6: the type says who uttered it; ours is not the word of an SMTP server.
  if (reply !== undefined)
    fields.push(`Diagnostic-Code: ${remoteMta === undefined ? 'x-peerpost' : 'smtp'}; ${diagnostic(reply)}`);
  fields.push(`Last-Attempt-Date: ${date(notice.at)}`);
  if (notice.willRetryUntil !== undefined) fields.push(`Will-Retry-Until: ${date(notice.willRetryUntil)}`);
  return fields;
}

/** RFC 6533 §3: the type `utf-8` for an address that isn't ASCII, with escapes where the report travels without SMTPUTF8. */
function finalRecipient(recipient: ForwardPath, utf8: boolean): string {
  const address = formatAddress(recipient.address);
  return needsUtf8(recipient.address) ? formatOrcpt({ type: 'utf-8', address }, utf8) : `rfc822; ${address}`;
}

/** RFC 3464 §2.3.4: the code in full. Where a remote gave none, only the class is known. */
export function statusOf(notice: Notice): string {
  if (notice.status !== undefined) return notice.status;
  const classes = { failed: 5, delayed: 4, delivered: 2, relayed: 2, expanded: 2 } as const;
  const expected = classes[notice.action];
  const own = notice.reply === undefined ? undefined : enhancedCode(notice.reply);
  return own?.startsWith(`${expected}.`) ? own : `${expected}.0.0`;
}

/** `550 5.1.1 No such user`, the lines of the reply in one. */
export function diagnostic(reply: Reply): string {
  return [reply.code, enhancedCode(reply), ...reply.lines]
    .filter((word) => word !== undefined && word !== '')
    .join(' ');
}

const date = (time: number): string => formatDate({ time, zone: 0 });

/** A remote's words must not begin a field of their own, nor break the 7-bit form. */
function clean(field: string, utf8: boolean): string {
  const printable = field.replace(/[\0-\x1f\x7f]+/g, ' ');
  return utf8 ? printable : printable.replace(/[^\x20-\x7e]/g, '?');
}

/** RFC 5322 §2.2.3: lines of at most 78 characters where spaces allow it; a word never gets longer than a reply lets it, 998 in any case. */
export function foldField(field: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of field.split(' ')) {
    const piece = word.slice(0, 900);
    if (line !== '' && line.length + 1 + piece.length > 78 && line.trim() !== '') {
      lines.push(line);
      line = ` ${piece}`;
    } else line = line === '' ? piece : `${line} ${piece}`;
  }
  return [...lines, line].join('\r\n');
}
