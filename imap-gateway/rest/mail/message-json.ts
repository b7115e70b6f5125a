/** A message as JSON. What never changes about it is made once and kept as text (fragments.ts); the rest is put behind it. */
import Type from 'typebox';
import { hasAttachment } from '#mail/mime/body-parts.ts';
import type { IndexedAddress } from '#mail/mime/message-index.ts';
import type { Columns, MessageRow } from '#store/store.ts';
import type { MailboxId, Uid } from '#store/types.ts';
import { Id, Time } from '../schemas.ts';

const Addresses = Type.Array(
  Type.Object({ name: Type.String(), email: Type.String() }, { title: 'Address', additionalProperties: false }),
);

export const messageProperties = {
  id: Id,
  threadId: Id,
  mailboxIds: Type.Array(Id),
  keywords: Type.Array(Type.String({ examples: ['$seen'] }), {
    description: 'Flags by their JMAP names: `$seen`, `$answered`, `$flagged`, `$draft`; others as they are.',
  }),
  size: Type.Integer({ description: 'Octets of the message as it was received.' }),
  receivedAt: Time,
  sentAt: Type.Optional(Time),
  subject: Type.String(),
  from: Addresses,
  to: Addresses,
  cc: Addresses,
  bcc: Addresses,
  replyTo: Addresses,
  messageId: Type.Optional(Type.String({ description: 'Without angle brackets, like the next two.' })),
  inReplyTo: Type.Array(Type.String()),
  references: Type.Array(Type.String()),
  preview: Type.String({ description: 'The beginning of the text, at most 256 characters.' }),
  hasAttachment: Type.Boolean(),
};

export const Message = Type.Object(
  {
    ...messageProperties,
    mailboxId: Type.Optional(Type.String({ description: 'In lists: the mailbox in which it was found.' })),
    uid: Type.Optional(Type.Integer({ description: 'Its UID there, as IMAP has it.' })),
  },
  { title: 'Message' },
);

/** What `fragmentOf` reads. */
export const FRAGMENT_COLUMNS: Columns = { headers: true, parts: true, preview: true };

/** The JSON of what never changes, with the opening brace and without the closing one. */
export function fragmentOf(row: MessageRow): string {
  return JSON.stringify(told(row)).slice(0, -1);
}

/** Larger than any sane message's: a list of 200, or the events of a night, are held in memory at once. */
const MOST_TOLD = 32_768;
const MOST_ITEMS = 50;
const MOST_CHARACTERS = 200;

/** As lists and events tell it: of an enormous header only a part, since anybody may send one. */
export function told(row: MessageRow): object {
  const whole = unchanging(row);
  return JSON.stringify(whole).length <= MOST_TOLD ? whole : (cut(whole) as object);
}

function cut(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, MOST_CHARACTERS).toWellFormed();
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map(cut);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, name === 'preview' ? one : cut(one)]));
}

export function unchanging(row: MessageRow): object {
  const headers = row.headers!;
  const sentAt = headers.date && timeText(headers.date.time);
  return {
    id: row.message,
    threadId: row.thread,
    size: row.size,
    receivedAt: timeText(row.internalDate.time) ?? '1970-01-01T00:00:00.000Z',
    ...(sentAt !== undefined && { sentAt }),
    subject: headers.subject,
    from: headers.from.map(address),
    to: headers.to.map(address),
    cc: headers.cc.map(address),
    bcc: headers.bcc.map(address),
    replyTo: headers.replyTo.map(address),
    ...(headers.messageId !== undefined && { messageId: headers.messageId }),
    inReplyTo: headers.inReplyTo,
    references: headers.references,
    preview: row.preview!,
    hasAttachment: hasAttachment(row.parts!),
  };
}

export interface Changing {
  readonly mailboxIds: readonly MailboxId[];
  readonly keywords: readonly string[];
}

/** The whole message. @param place where it was found, in lists. */
export function messageText(
  fragment: string,
  { mailboxIds, keywords }: Changing,
  place?: { readonly mailbox: MailboxId; readonly uid: Uid },
): string {
  const where = place === undefined ? '' : `,"mailboxId":"${place.mailbox}","uid":${place.uid}`;
  return `${fragment},"mailboxIds":${JSON.stringify(mailboxIds)},"keywords":${JSON.stringify(keywords)}${where}}`;
}

const address = ({ name, address: email }: IndexedAddress) => ({ name, email });

/** `undefined` for a moment that RFC 3339 can't write. */
export function timeText(ms: number): string | undefined {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date.toISOString() : undefined;
}
