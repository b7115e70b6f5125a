/** What an attempt came to for one recipient, before anybody decides when to try again. */
import { isPermanent, isPositive, type Reply, reply } from '#mail/smtp/reply.ts';
import type { RecipientResult } from '#runtime/smtp/client-types.ts';

export interface Verdict {
  /** Index of the recipient in its queue entry. */
  readonly index: number;
  readonly kind: 'delivered' | 'relayed' | 'refused' | 'deferred';
  readonly reply: Reply;
  /** The host that said the reply; absent when we said it ourselves. */
  readonly remoteMta?: string;
  /** For `relayed`: the next host reports successes and delays itself. */
  readonly dsnPassedOn?: boolean;
  /** It was our own MDA, or the way to it. */
  readonly local?: true;
  readonly at: number;
}

/** Where to go on with a recipient after one host: it is decided, or another host may do better. */
export type Next = 'settled' | 'next-host';

/**
 * RFC 5321 §4.2.1: the first digit decides. What was refused before anything was said about the recipient may be one host's own trouble, so another is asked;
 * what RCPT says for good is about the recipient; once content has been sent another host could make a second copy.
 */
export function judge(result: RecipientResult): {
  readonly class: 'done' | 'permanent' | 'temporary';
  readonly next: Next;
} {
  if (result.kind === 'lost') {
    // RFC 5321 §4.2.5, §6.1: no answer to the dot is no delivery, but may be one.
    return { class: 'temporary', next: result.stage === 'final' ? 'settled' : 'next-host' };
  }
  const answer = result.reply;
  if (isPositive(answer)) return { class: 'done', next: 'settled' };
  const kind = isPermanent(answer) ? 'permanent' : 'temporary';
  // RFC 5321 §3.8: 421 is the host's goodbye, wherever it comes.
  if (answer.code === 421) return { class: 'temporary', next: 'next-host' };
  // RFC 5321 §4.2.2: 503 to MAIL says that the two of us disagree about where we are, and nothing about the message.
  if (answer.code === 503 && result.stage === 'mail') return { class: 'temporary', next: 'next-host' };
  switch (result.stage) {
    case 'rcpt':
      return { class: kind, next: kind === 'permanent' ? 'settled' : 'next-host' };
    case 'content':
    case 'final':
      return { class: kind, next: 'settled' };
    default:
      return { class: kind, next: 'next-host' };
  }
}

/** RFC 3463 §3.5: our own words for what no peer said. */
export function lostReply(result: Extract<RecipientResult, { kind: 'lost' }>): Reply {
  const where = result.stage === 'final' ? 'after the message was sent' : `at ${result.stage}`;
  return reply(451, result.stage === 'connect' ? '4.1' : '4.2', `No answer: ${reason(result.error)} ${where}`);
}

/** Words for a log or a report out of whatever went wrong, with the innermost cause that has a code. */
export function reason(error: unknown): string {
  let words = 'unknown trouble';
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    words = typeof code === 'string' ? code : at.message;
  }
  return words.slice(0, 200);
}
