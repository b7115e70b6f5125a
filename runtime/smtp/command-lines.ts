/** The command lines of a transaction, with the parameters that the peer understands. Pure. */
import type { ForwardPath, Notify } from '#mail/envelope.ts';
import { formatOrcpt } from '#mail/smtp/orcpt.ts';
import { formatPath } from '#mail/smtp/path.ts';
import { encodeXtext } from '#mail/xtext.ts';
import type { StreamedMessage } from './client-types.ts';
import type { Extensions } from './extensions.ts';

export function mailLine(message: StreamedMessage, extensions: Extensions): string {
  let line = `MAIL FROM:${formatPath(message.reversePath)}`;
  // RFC 1870 §6: the number of octets as sent, dot-stuffing not counted.
  if (extensions.has('SIZE') && message.size !== undefined) line += ` SIZE=${message.size}`;
  if (message.bodyType === '8bitmime' && extensions.has('8BITMIME')) line += ' BODY=8BITMIME';
  if (message.bodyType === 'binarymime') line += ' BODY=BINARYMIME';
  if (message.smtputf8 && extensions.has('SMTPUTF8')) line += ' SMTPUTF8';
  if (extensions.has('DSN')) {
    if (message.ret !== undefined) line += ` RET=${message.ret.toUpperCase()}`;
    if (message.envelopeId !== undefined) line += ` ENVID=${encodeXtext(message.envelopeId)}`;
  }
  for (const parameter of message.mailParameters ?? []) line += ` ${parameter}`;
  return `${line}\r\n`;
}

/** `utf8`: the transaction has the SMTPUTF8 parameter. */
export function rcptLine(recipient: ForwardPath, extensions: Extensions, utf8: boolean): string {
  let line = `RCPT TO:${formatPath(recipient.address)}`;
  if (extensions.has('DSN')) {
    if (recipient.notify !== undefined) line += ` NOTIFY=${formatNotify(recipient.notify)}`;
    if (recipient.originalRecipient !== undefined) line += ` ORCPT=${formatOrcpt(recipient.originalRecipient, utf8)}`;
  }
  return `${line}\r\n`;
}

/** All of a transaction up to its content, as one group (RFC 2920 §3.1). */
export function envelopeLines(message: StreamedMessage, extensions: Extensions, reset: boolean): string {
  let lines = reset ? 'RSET\r\n' : '';
  lines += mailLine(message, extensions);
  for (const recipient of message.recipients) lines += rcptLine(recipient, extensions, message.smtputf8);
  return lines;
}

/** RFC 3461 §4.1. */
export function formatNotify(notify: Notify): string {
  if (notify === 'never') return 'NEVER';
  const words = [notify.success && 'SUCCESS', notify.failure && 'FAILURE', notify.delay && 'DELAY'].filter(Boolean);
  return words.length === 0 ? 'NEVER' : words.join(',');
}
