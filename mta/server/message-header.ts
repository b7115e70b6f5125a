/** The few things that a receiving server looks at in a message's header. It reads field names only (RFC 5321 §6.4, §7.8). */
import { readMarks } from './forward-marks.ts';

export interface HeaderFacts {
  readonly received: number;
  readonly hasDate: boolean;
  readonly hasMessageId: boolean;
  /** Somebody's Authentication-Results: to be looked at more closely (forged-results.ts). */
  readonly hasResults: boolean;
  /** Marks of the forwards that it has passed here (forward-marks.ts). */
  readonly marks: readonly string[];
  /** Octets of the header without its empty line; `undefined` when its end is not in sight. */
  readonly length: number | undefined;
}

/** @param head the beginning of the content; the header is not looked for beyond it. */
export function readHeader(head: Buffer): HeaderFacts {
  const length = headerLength(head);
  const text = head.toString('latin1', 0, length);
  return {
    received: text.match(/^received[ \t]*:/gim)?.length ?? 0,
    hasDate: /^date[ \t]*:/im.test(text),
    hasMessageId: /^message-id[ \t]*:/im.test(text),
    hasResults: /^authentication-results[ \t]*:/im.test(text),
    marks: readMarks(text),
    length,
  };
}

function headerLength(head: Buffer): number | undefined {
  if (head[0] === 13 && head[1] === 10) return 0;
  const end = head.indexOf('\r\n\r\n');
  return end < 0 ? undefined : end + 2;
}
