/** The few things that a receiving server looks at in a message's header. It reads field names only and changes nothing (RFC 5321 §6.4, §7.8). */

export interface HeaderFacts {
  readonly received: number;
  readonly hasDate: boolean;
  readonly hasMessageId: boolean;
}

/** @param head the beginning of the content; the header is not looked for beyond it. */
export function readHeader(head: Buffer): HeaderFacts {
  const text = headerText(head);
  return {
    received: text.match(/^received[ \t]*:/gim)?.length ?? 0,
    hasDate: /^date[ \t]*:/im.test(text),
    hasMessageId: /^message-id[ \t]*:/im.test(text),
  };
}

function headerText(head: Buffer): string {
  if (head[0] === 13 && head[1] === 10) return '';
  const end = head.indexOf('\r\n\r\n');
  return head.toString('latin1', 0, end < 0 ? head.length : end + 2);
}
