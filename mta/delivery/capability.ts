/** What a message needs of the next host, and what to say when the host can't (RFC 6531 §3.2, RFC 6152 §3, RFC 1870 §6). */
import { needsUtf8 } from '#mail/address.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { Extensions } from '#runtime/smtp/extensions.ts';
import type { QueueEntry, QueueRecipient } from '#store/queue.ts';
import type { MessageContent } from './message-content.ts';

/** `undefined` when the host can take it. `smtputf8` and `bodyType` of what is sent follow from `weaken`. */
export async function missingCapability(
  entry: QueueEntry,
  recipients: readonly QueueRecipient[],
  content: MessageContent,
  extensions: Extensions,
): Promise<Reply | undefined> {
  const limit = extensions.sizeLimit;
  if (limit !== undefined && entry.size > limit) {
    return reply(552, '3.4', `Message of ${entry.size} octets, the next host takes ${limit} at most`);
  }
  if (entry.smtputf8 && !extensions.has('SMTPUTF8') && (await needsSmtputf8(entry, recipients, content))) {
    return reply(554, '6.7', 'The next host does not support SMTPUTF8, which the message needs');
  }
  // RFC 6152 §3: convert or return; converting would break signatures.
  if (entry.bodyType === '8bitmime' && !extensions.has('8BITMIME') && (await content.isEightBit())) {
    return reply(554, '6.3', 'The next host does not support 8BITMIME, which the message needs');
  }
  return undefined;
}

/** RFC 6531 §3.4: the parameter is only owed where an address or a header field isn't ASCII. */
async function needsSmtputf8(
  entry: QueueEntry,
  recipients: readonly QueueRecipient[],
  content: MessageContent,
): Promise<boolean> {
  if (entry.reversePath !== null && needsUtf8(entry.reversePath)) return true;
  if (recipients.some((recipient) => needsUtf8(recipient.address))) return true;
  return content.hasEightBitHeader();
}
