/** RFC 6409 §8: what a submission server adds to a message that lacks it. Nothing else is touched. */
import { formatDate } from '#mail/header/date.ts';
import type { DateTime } from '#mail/mime/message-index.ts';

export interface MissingFieldFacts {
  readonly hasDate: boolean;
  readonly hasMessageId: boolean;
}

/** Field lines to put on top of the message, each with CRLF; usually none. RFC 5322 §3.6: Date is mandatory, Message-ID should be there. */
export function missingFields(facts: MissingFieldFacts, id: string, hostname: string, at: DateTime): string {
  const date = facts.hasDate ? '' : `Date: ${formatDate(at)}\r\n`;
  const messageId = facts.hasMessageId ? '' : `Message-ID: <${id}@${hostname}>\r\n`;
  return date + messageId;
}
