/** Which messages make a thread (RFC 8621 §3): those that name one another, decided once when a message comes in. */
import type { IndexedHeaders } from '#mail/mime/message-index.ts';

/** Messages with endless References name no more than these; the last are the closest relatives. */
const MOST_KEYS = 50;

/**
 * The message ids that tie a message to others, the most telling first: its own, In-Reply-To, then References from the nearest on.
 * A new message joins the thread of the first that is known, and all of them lead to its thread from then on (unless they led elsewhere).
 */
export function threadKeys(headers: Pick<IndexedHeaders, 'messageId' | 'inReplyTo' | 'references'>): readonly string[] {
  const own = headers.messageId === undefined ? [] : [headers.messageId];
  return [...new Set([...own, ...headers.inReplyTo, ...headers.references.toReversed()])].slice(0, MOST_KEYS);
}
