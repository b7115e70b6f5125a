/** ENVELOPE (RFC 9051 §7.5.2) and the decoded header values of the index. */
import { type AddressItem, indexedAddresses } from '../header/address-list.ts';
import { textOfBinary } from '../header/charset.ts';
import { parseDate } from '../header/date.ts';
import { decodeWords } from '../header/encoded-word.ts';
import { imapString, nilOrString } from './imap-string.ts';
import type { IndexedHeaders } from './message-index.ts';
import type { MessageFields } from './part.ts';

/** A binary string, parentheses included. Sender and Reply-To default to From where they are missing or empty. */
export function formatEnvelope(fields: MessageFields): string {
  const from = addressList(fields.from);
  const orFrom = (items: readonly AddressItem[]): string => (items.length === 0 ? from : addressList(items));
  return `(${[
    nilOrString(fields.date),
    nilOrString(fields.subject),
    from,
    orFrom(fields.sender),
    orFrom(fields.replyTo),
    addressList(fields.to),
    addressList(fields.cc),
    addressList(fields.bcc),
    nilOrString(fields.inReplyTo),
    nilOrString(fields.messageId),
  ].join(' ')})`;
}

/** Group syntax: a NIL host marks its start (the mailbox is the name) and, with a NIL mailbox, its end. */
function addressList(items: readonly AddressItem[]): string {
  if (items.length === 0) return 'NIL';
  let out = '(';
  for (const item of items) {
    if (item.kind === 'group') out += `(NIL NIL ${imapString(item.name)} NIL)`;
    else if (item.kind === 'end') out += '(NIL NIL NIL NIL)';
    else {
      // A missing domain is "" and not NIL: NIL would make a group of it.
      out += `(${nilOrString(item.name)} ${nilOrString(item.route)} ${imapString(item.local)} ${imapString(item.domain)})`;
    }
  }
  return `${out})`;
}

const MAX_IDS = 1000;

export function indexHeaders(fields: MessageFields): IndexedHeaders {
  const messageId = identifiers(fields.messageId)[0] ?? (fields.messageId === '' ? undefined : fields.messageId);
  const date = fields.date === undefined ? undefined : parseDate(fields.date);
  return {
    // Folding is done with tabs, too, and old mail folds where no blank was.
    subject: decodeWords(textOfBinary(fields.subject ?? '')).replace(/[ \t]{2,}|\t/g, ' '),
    from: indexedAddresses(fields.from),
    sender: indexedAddresses(fields.sender),
    replyTo: indexedAddresses(fields.replyTo),
    to: indexedAddresses(fields.to),
    cc: indexedAddresses(fields.cc),
    bcc: indexedAddresses(fields.bcc),
    ...(messageId === undefined ? {} : { messageId: textOfBinary(messageId) }),
    inReplyTo: identifiers(fields.inReplyTo).map(textOfBinary),
    references: identifiers(fields.references).map(textOfBinary),
    ...(date === undefined ? {} : { date }),
  };
}

/** What stands in angle brackets (RFC 5322 §3.6.4), without blanks; folding within an id happens. */
function identifiers(text: string | undefined): string[] {
  if (text === undefined) return [];
  const ids: string[] = [];
  for (const match of text.matchAll(/<([^<>]*)>/g)) {
    const id = (match[1] ?? '').replace(/[ \t]/g, '');
    if (id !== '') ids.push(id);
    if (ids.length >= MAX_IDS) break;
  }
  return ids;
}
