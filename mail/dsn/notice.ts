/** What there is to say about a recipient, and whether anybody wants to hear it (RFC 3461 §4.1, §5.2; RFC 5321 §6.1). Pure. */
import type { ForwardPath, ReversePath } from '#mail/envelope.ts';
import type { Reply } from '#mail/smtp/reply.ts';

/** RFC 3464 §2.3.3. */
export type Action = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export interface Notice {
  readonly recipient: ForwardPath;
  readonly action: Action;
  /** RFC 3463 code in full, `4.4.7`, where it isn't the reply's own. */
  readonly status?: string;
  readonly reply?: Reply;
  /** Who said the reply; absent when we said it. */
  readonly remoteMta?: string;
  readonly at: number;
  /** For `delayed`: until when we try. */
  readonly willRetryUntil?: number;
}

export interface Reportable {
  readonly reversePath: ReversePath;
}

/** The header of the message says that it came from a machine or a list: then nobody waits for a word about a delay. */
export function isAutomatic(header: string): boolean {
  const unfolded = header.replace(/\r?\n(?=[ \t])/g, '');
  return (
    /^auto-submitted:(?!\s*no\b)/im.test(unfolded) ||
    /^precedence:\s*(bulk|list|junk)\b/im.test(unfolded) ||
    /^list-id:/im.test(unfolded)
  );
}

/**
 * Never about a message from the null reverse-path: that would be a bounce of a bounce (RFC 5321 §6.1).
 * Without NOTIFY, failures and delays are reported and successes are not (RFC 3461 §4.1).
 */
export function isWanted(message: Reportable, recipient: ForwardPath, action: Action): boolean {
  const notify = recipient.notify;
  if (message.reversePath === null || notify === 'never') return false;
  if (action === 'failed') return notify === undefined || notify.failure;
  if (action === 'delayed') return notify === undefined || notify.delay;
  return notify?.success === true;
}
