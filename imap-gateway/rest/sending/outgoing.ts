/** The octets that leave: the stored message without its Bcc field (RFC 5322 §3.6.3), in memory or as a stream. */
import { isAscii } from 'node:buffer';
import { splitFields } from '#mail/header/fields.ts';
import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import type { Located } from './originals.ts';

export interface OutgoingContent {
  readonly size: number;
  readonly content: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** RFC 6531: a header with 8-bit octets needs SMTPUTF8. */
  readonly utf8Header: boolean;
  readonly eightBit: boolean;
}

/** In front of what was delivered here, never sent on. */
const PRIVATE = new Set(['bcc', 'resent-bcc']);

/** @param located with its `rawHeader`, and its `content` where that is small. */
export async function outgoing(store: MailStore, access: Access, located: Located): Promise<OutgoingContent> {
  const { mailbox, row } = located;
  const { uid, size, prefixLength } = row;
  const whole = Buffer.from(row.rawHeader ?? Buffer.alloc(0));
  const header = withoutPrivate(whole.subarray(prefixLength));
  const rest = (): AsyncIterable<Uint8Array> => store.content(access, mailbox, uid, whole.length, size);
  const total = header.length + size - whole.length;
  const base = { size: total, utf8Header: hasHigh(header) };
  if (row.content !== undefined) {
    const content = Buffer.concat([header, row.content.subarray(whole.length)]);
    return { ...base, eightBit: hasHigh(content), content };
  }
  return { ...base, eightBit: true, content: () => joined(header, rest()) };
}

export function withoutPrivate(header: Buffer): Buffer {
  const text = header.toString('latin1');
  const gone = splitFields(text).filter(({ name }) => PRIVATE.has(name.toLowerCase()));
  let kept = '';
  let at = 0;
  for (const { start, end } of gone) {
    kept += text.slice(at, start);
    at = end;
  }
  return Buffer.from(kept + text.slice(at), 'latin1');
}

async function* joined(header: Buffer, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (header.length > 0) yield header;
  yield* rest;
}

export const hasHigh = (octets: Uint8Array): boolean => !isAscii(octets);
