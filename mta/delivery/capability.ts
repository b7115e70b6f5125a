/** What a message needs of the next host, and what to say when the host can't (RFC 6531 §3.2, RFC 1870 §6). Body types: `sendable.ts`. */
import { needsUtf8 } from '#mail/address.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { Extensions } from '#runtime/smtp/extensions.ts';
import type { QueueEntry, QueueRecipient } from '#store/queue.ts';
import type { MessageContent } from './message-content.ts';

/** `undefined` when the host can take it. @param size octets of what would be sent. */
export async function missingCapability(
  entry: QueueEntry,
  recipients: readonly QueueRecipient[],
  content: MessageContent,
  size: number,
  extensions: Extensions,
): Promise<Reply | undefined> {
  const limit = extensions.sizeLimit;
  if (limit !== undefined && size > limit) {
    return reply(552, '3.4', `Message of ${size} octets, the next host takes ${limit} at most`);
  }
  if (entry.smtputf8 && !extensions.has('SMTPUTF8') && (await needsSmtputf8(entry, recipients, content))) {
    return reply(554, '6.7', 'The next host does not support SMTPUTF8, which the message needs');
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
