/** What a reply means for the figures: how it came out, and why. */
import type { Reply } from '#mail/smtp/reply.ts';

/** RFC 3463 §3: the subjects of enhanced status codes. */
const SUBJECTS = ['other', 'address', 'mailbox', 'system', 'network', 'protocol', 'content', 'policy'];

export const outcomeOf = ({ code }: Reply): 'ok' | 'deferred' | 'refused' =>
  code < 400 ? 'ok' : code < 500 ? 'deferred' : 'refused';

/** `none` for what is no refusal. */
export function reasonOf({ code, enhanced }: Reply): string {
  if (code < 400) return 'none';
  return SUBJECTS[Number(enhanced?.split('.')[0] ?? 0)] ?? 'other';
}
