/**
 * Whom an account that is away answers: the rules of RFC 3834 §2 and RFC 5230 §4.5 and §4.6. An answer too few does little harm, one too many may go round for ever.
 * Pure.
 */
import { AddressSyntaxError, formatAddress, parseAddress } from '#mail/address.ts';
import type { Address, ReversePath } from '#mail/envelope.ts';
import { indexedAddresses, parseAddressList } from '#mail/header/address-list.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import type { IndexedAddress, MessageIndex } from '#mail/mime/message-index.ts';
import type { AutoreplyPayload } from '#store/automatic.ts';
import { TRACE_OCTETS } from './loop-check.ts';

/** A message that came in, as far as an answer depends on it. */
export interface Incoming {
  readonly reversePath: ReversePath;
  readonly index: Pick<MessageIndex, 'headers' | 'root'>;
  /** Its header section as text, as far as `TRACE_OCTETS` goes. */
  readonly header: string;
}

/** Addresses that are looked for the account's own; each is a question to the directory. */
const MOST_ADDRESSEES = 100;
/** Characters of a subject that come back to whoever wrote it. */
const SUBJECT = 200;
/** Message-IDs in References: the first, and the last ones. */
const REFERENCES = 20;
/** RFC 5322 §3.6.4, as far as programs write it; anything else is not repeated. */
const MESSAGE_ID = /^[!-;=?-~]{1,250}$/;

/** Local parts of programs, and of people who answer for lists (RFC 3834 §2, RFC 5230 §4.6). */
const PROGRAM =
  /^(?:mailer-daemon|mailerdaemon|daemon|listserv|majordomo|mailman|bounces?|(?:no|do[-_.]?not)[-_.]?reply|owner-.*|.*-(?:owner|request|bounces?))(?:\+.*)?$/i;

/** What a field must say to speak against an answer; some do so by being there. */
const FIELDS: { readonly [name: string]: RegExp } = {
  // RFC 3834 §5: the keyword stands in front of parameters and comments.
  'auto-submitted': /^(?!\s*(?:\([^)]*\)\s*)*no\s*(?:$|[;(]))/i,
  precedence: /^\s*(?:bulk|list|junk|auto_reply)\b/i,
  'x-auto-response-suppress': /\b(?:all|oof|autoreply)\b/i,
  // Of filters that mail has passed elsewhere.
  'x-spam-flag': /^\s*yes\b/i,
  'x-spam-status': /^\s*yes\b/i,
  'mailing-list': /^/,
  'x-mailing-list': /^/,
  'x-beenthere': /^/,
  'x-autoreply': /^/,
  'x-autorespond': /^/,
};

/** Why nobody is answered, in a word for the log; `undefined` where nothing speaks against it. */
export function whyNoAnswer({ reversePath, index, header }: Incoming): string | undefined {
  // RFC 3834 §2: MUST NOT.
  if (reversePath === null) return 'null reverse-path';
  if (PROGRAM.test(reversePath.localPart) || index.headers.from.some(isProgram)) return 'program';
  if (index.root.type === 'multipart/report') return 'report';
  // What stands in the rest of it nobody knows.
  if (index.root.bodyStart > TRACE_OCTETS) return 'long header';
  for (const { name, value } of splitFields(header)) {
    const field = name.toLowerCase();
    // RFC 2369, RFC 2919: List-Id, List-Unsubscribe, …
    if (field.startsWith('list-') || FIELDS[field]?.test(unfold(value))) return field;
  }
  return undefined;
}

const isProgram = ({ address }: IndexedAddress): boolean => PROGRAM.test(address.slice(0, address.lastIndexOf('@')));

/** Whom the message was written to, by its header: one of them must be the account (RFC 5230 §4.5). In order, each once. */
export function addresseesOf({ index, header }: Incoming): readonly Address[] {
  const { to, cc, bcc } = index.headers;
  const resent = splitFields(header)
    .filter(({ name }) => /^resent-(?:to|cc|bcc)$/i.test(name))
    .flatMap(({ value }) => indexedAddresses(parseAddressList(unfold(value)).items));
  const found = new Map<string, Address>();
  for (const { address } of [...to, ...cc, ...bcc, ...resent]) {
    if (found.size >= MOST_ADDRESSEES) break;
    const parsed = readAddress(address);
    if (parsed !== undefined) found.set(formatAddress(parsed), parsed);
  }
  return [...found.values()];
}

/** Whom the answer goes to is one correspondent, whatever mail programs on the way have made of the reverse-path. */
export function correspondentOf({ localPart, domain }: Address): string {
  // Sender rewriting: `SRS0=hash=time=domain=local`. Bounce address tags: `prvs=tag=local`.
  const rewritten = /^SRS0[=+-][^=]*=[^=]*=([^=]+)=(.+)$/i.exec(localPart);
  const tagged = /^prvs=[^=]*=(.+)$/i.exec(localPart);
  const text = rewritten ? `${rewritten[2]}@${rewritten[1]}` : `${tagged?.[1] ?? localPart}@${domain}`;
  return text.normalize('NFC').toLowerCase();
}

/** The answer (RFC 5230 §5). @param from the account's own address that it speaks for. */
export function answerTo({ index: { headers } }: Incoming, to: Address, from: Address): AutoreplyPayload {
  const { messageId, references, inReplyTo } = headers;
  const known = messageId !== undefined && MESSAGE_ID.test(messageId) ? messageId : undefined;
  // RFC 5322 §3.6.4: what it referred to, and itself.
  const before = references.length > 0 ? references : inReplyTo.length === 1 ? inReplyTo : [];
  const all = [...before.filter((id) => MESSAGE_ID.test(id)), ...(known === undefined ? [] : [known])];
  return {
    type: 'autoreply',
    to: formatAddress(to),
    from: formatAddress(from),
    subject: shortened(headers.subject),
    ...(known !== undefined && { inReplyTo: known }),
    references: all.length <= REFERENCES ? all : [all[0]!, ...all.slice(1 - REFERENCES)],
  };
}

function shortened(subject: string): string {
  const line = subject.replace(/[\0-\x1f\x7f\x85\u2028\u2029]+/g, ' ').trim();
  // No half of a character.
  return line.length <= SUBJECT ? line : `${line.slice(0, SUBJECT).replace(/[\ud800-\udbff]$/, '')}…`;
}

function readAddress(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof AddressSyntaxError) return undefined;
    throw error;
  }
}
