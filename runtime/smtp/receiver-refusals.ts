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

export const isError = (step: Reply | readonly Reply[]): boolean => worstOf(step) >= 500;

export const isDeferral = (step: Reply | readonly Reply[]): boolean => worstOf(step) >= 400;

const worstOf = (step: Reply | readonly Reply[]): number =>
  'code' in step ? step.code : step.reduce((worst, each) => Math.max(worst, each.code), 0);
