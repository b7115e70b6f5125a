/** When it is known that somebody will not get a message: an event, and, where our own MTA has refused, the report in INBOX that other MTAs would have sent. */
import { parseAddress } from '#mail/address.ts';
import { isWanted, type Notice } from '#mail/dsn/notice.ts';
import { composeReport } from '#mail/dsn/report.ts';
import type { Reply } from '#mail/smtp/reply.ts';
import type { Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { hasHigh, withoutPrivate } from './outgoing.ts';
import { addMessage } from './place.ts';
import type { RecipientJson } from './schemas.ts';
import { KEPT, type SubmissionRecord } from './submission.ts';

/** Records of this kind are events (`../events/event.ts`): one for each step in which recipients fail. */
export const UNDELIVERABLE = 'undeliverable';

/** What stands in `final` and not in `before`, and failed. */
export function newlyFailed(
  before: SubmissionRecord['final'],
  final: SubmissionRecord['final'],
): readonly RecipientJson[] {
  return Object.entries(final)
    .filter(([address]) => before[address] === undefined)
    .flatMap(([, recipients]) => recipients.filter(({ status }) => FAILED.has(status)));
}

const FAILED: ReadonlySet<string> = new Set(['failed', 'expired', 'dropped']);

export function putUndeliverable(
  id: string,
  { message, messageId, from, subject, final }: SubmissionRecord,
  recipients: readonly RecipientJson[],
  now: number,
): Mutation[] {
  if (recipients.length === 0) return [];
  return [
    {
      type: 'put-record',
      kind: UNDELIVERABLE,
      // Each step knows of more.
      id: `${id}-${Object.keys(final).length}`,
      value: JSON.stringify({ id, message, messageId, from, subject, recipients }),
      expiresAt: now + KEPT,
    },
  ];
}

export interface Refused {
  readonly address: string;
  /** The last one; absent when nobody could be asked until it was too late. */
  readonly reply: Reply | undefined;
}

export interface ReportServices {
  readonly store: MailStore;
  readonly random: Random;
  readonly hostname: string;
}

/** The report, into INBOX; nothing where nobody wants one (RFC 3461 §4.1). @param header of the message, as it is stored. */
export async function reportRefused(
  { store, random, hostname }: ReportServices,
  access: Access,
  { id, record, header }: { readonly id: string; readonly record: SubmissionRecord; readonly header: Uint8Array },
  refused: readonly Refused[],
  now: number,
): Promise<Mutation[]> {
  const from = parseAddress(record.from);
  const notices = refused
    .map(({ address, reply }): Notice => {
      const recipient = {
        address: parseAddress(address),
        ...(record.notify !== undefined && { notify: record.notify }),
      };
      // RFC 3463 §3.5: the delivery time expired.
      return { recipient, action: 'failed', at: now, ...(reply === undefined ? { status: '4.4.7' } : { reply }) };
    })
    .filter(({ recipient }) => isWanted({ reversePath: from }, recipient, 'failed'));
  if (notices.length === 0) return [];
  const { mailboxes } = await store.mailboxes(access);
  const inbox = mailboxes.find(({ role }) => role === 'inbox');
  if (inbox === undefined) return [];
  const bytes = withoutPrivate(Buffer.from(header));
  const smtputf8 = hasHigh(bytes) || refused.some(({ address }) => hasHigh(Buffer.from(address)));
  const { data } = composeReport({
    hostname,
    now,
    id: newId('message', random),
    to: from,
    message: { envelopeId: id, arrivedAt: record.createdAt, smtputf8 },
    notices,
    returned: { kind: 'headers', bytes },
  });
  const options = { store, random, access, limit: Number.POSITIVE_INFINITY };
  return [await addMessage(options, data, { mailbox: inbox.id, flags: [], now })];
}
