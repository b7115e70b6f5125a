/** What the receiver answers to commands that it does not run. */

import type { LineEvent } from '#mail/smtp/line-splitter.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { Session } from './session.ts';

export function lineReply(defect: NonNullable<LineEvent['defect']>): Reply {
  if (defect === 'too-long') return reply(500, '5.2', 'Line too long');
  return reply(500, '5.2', 'Commands end with CRLF and have no other CR, LF or NUL');
}

export function outOfSequence(verb: string, state: Session<unknown, unknown>['state']): string {
  if (state === 'connected') return 'Say hello first';
  if (verb === 'RCPT' || verb === 'DATA') return 'MAIL first';
  return state === 'transaction' ? 'A message is under way' : 'Not now';
}

export function isError(step: Reply | readonly Reply[]): boolean {
  const replies: readonly Reply[] = 'code' in step ? [step] : step;
  return replies.some((each) => each.code >= 500);
}
