/** An mbox as a stream of messages, one after the other; none is held. */
import { MailError } from '#mail/failure.ts';
import { MboxDecoder, type MboxEvent } from '#mail/mbox/decoder.ts';
import type { FromLine } from '#mail/mbox/from-line.ts';

export interface MboxMessage {
  readonly line: FromLine;
  /** With CRLF. What is left of it is passed over when the next message is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** @throws MailError `bad-request` where it does not begin as an mbox. */
export async function* readMbox(source: AsyncIterable<Uint8Array>): AsyncGenerator<MboxMessage> {
  const events = eventsOf(source);
  try {
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      if (next.value.type !== 'begin') continue;
      yield { line: next.value.line, content: contentOf(events) };
    }
  } finally {
    await events.return(undefined);
  }
}

async function* contentOf(events: AsyncGenerator<MboxEvent>): AsyncGenerator<Uint8Array> {
  for (let next = await events.next(); next.done !== true && next.value.type === 'data'; next = await events.next()) {
    yield next.value.bytes;
  }
}

async function* eventsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<MboxEvent> {
  const decoder = new MboxDecoder();
  for await (const chunk of source) {
    yield* decoder.push(chunk);
    if (decoder.failed) break;
  }
  yield* decoder.finish();
  if (decoder.failed) throw new MailError('bad-request', 'this is no mbox: it does not begin with a From line');
}
