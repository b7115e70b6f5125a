/** The few things that a receiving server looks at in a message's header. It reads field names only (RFC 5321 §6.4, §7.8). */
import { readMarks } from '#mail/header/forward-marks.ts';

export interface HeaderFacts {
  readonly received: number;
  readonly hasDate: boolean;
  readonly hasMessageId: boolean;
  /** Somebody's Authentication-Results: to be looked at more closely (forged-results.ts). */
  readonly hasResults: boolean;
  /** Marks of the forwards that it has passed here (mail/header/forward-marks.ts). */
  readonly marks: readonly string[];
  /** Octets of the header without its empty line; `undefined` when its end is not in sight. */
  readonly length: number | undefined;
}

/** Each letter may be of either case; blanks may stand before the colon. */
const NAMES = /^(?:(received)|(date)|(message-id)|(authentication-results)|(x-peerpost-forwarded))[ \t]*:/gim;
const NO_MARKS: readonly string[] = [];

/** @param head the beginning of the content; the header is not looked for beyond it. */
export function readHeader(head: Buffer): HeaderFacts {
  const length = headerLength(head);
  const text = head.toString('latin1', 0, length);
  const facts = { received: 0, hasDate: false, hasMessageId: false, hasResults: false, marks: NO_MARKS, length };
  for (const [, received, date, messageId, results, marks] of text.matchAll(NAMES)) {
    if (received !== undefined) facts.received += 1;
    else if (date !== undefined) facts.hasDate = true;
    else if (messageId !== undefined) facts.hasMessageId = true;
    else if (results !== undefined) facts.hasResults = true;
    else if (marks !== undefined && facts.marks === NO_MARKS) facts.marks = readMarks(text);
  }
  return facts;
}

function headerLength(head: Buffer): number | undefined {
  if (head[0] === 13 && head[1] === 10) return 0;
  const end = head.indexOf('\r\n\r\n');
  return end < 0 ? undefined : end + 2;
}
