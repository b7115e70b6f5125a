/** What happened in an account, as events and webhooks tell it: made from the records of its log, so that both can be asked for again from any place in it. */
import { MailError } from '#mail/failure.ts';
import type { ChangeRecord } from '#store/change.ts';
import type { MailStore, MessageRow } from '#store/store.ts';
import type { Access, MailboxId, ModSeq, UidSet } from '#store/types.ts';
import { count } from '#store/uid-set.ts';
import { FRAGMENT_COLUMNS, told } from '../mail/message-json.ts';
import { submissionJson } from '../sending/status.ts';
import { readSubmission, SUBMISSION } from '../sending/submission.ts';

export interface AccountEvent {
  readonly modseq: ModSeq;
  /** Position among those of its modseq: with it an id that stays the same however often it is told. */
  readonly index: number;
  /** `message.added`, `mailbox.changed`, `submission.sent` … */
  readonly type: string;
  readonly data: object;
}

export const EVENT_TYPES = [
  'message.added',
  'message.removed',
  'message.flags',
  'mailbox.created',
  'mailbox.changed',
  'mailbox.removed',
  'mailbox.subscriptions',
  'submission.scheduled',
  'submission.sending',
  'submission.sent',
  'submission.delivered',
  'submission.failed',
  'submission.canceled',
] as const;

/** Messages that are told one by one; of more only the UIDs are said. */
const TOLD = 100;

type Wanted = (type: string) => boolean;
type Event = Omit<AccountEvent, 'modseq' | 'index'>;

/** In the order of the log. What nobody wants is not looked up. */
export async function eventsOf(
  store: MailStore,
  access: Access,
  records: readonly ChangeRecord[],
  wanted: Wanted,
): Promise<AccountEvent[]> {
  const events: AccountEvent[] = [];
  let index = 0;
  for (const [i, record] of records.entries()) {
    index = i > 0 && records[i - 1]!.modseq === record.modseq ? index + 1 : 0;
    const event = await eventOf(store, access, record, wanted);
    if (event !== undefined && wanted(event.type)) events.push({ modseq: record.modseq, index, ...event });
  }
  return events;
}

async function eventOf(
  store: MailStore,
  access: Access,
  record: ChangeRecord,
  wanted: Wanted,
): Promise<Event | undefined> {
  const { mailbox, uids = [], messages = [] } = record;
  switch (record.type) {
    case 'message':
      if (!wanted('message.added')) return undefined;
      return {
        type: 'message.added',
        data: { ...placed(mailbox!, uids), ...(await added(store, access, mailbox!, uids)) },
      };
    case 'expunge':
      return { type: 'message.removed', data: { ...placed(mailbox!, uids), messageIds: messages.slice(0, TOLD) } };
    case 'flags':
      if (!wanted('message.flags')) return undefined;
      return {
        type: 'message.flags',
        data: { ...placed(mailbox!, uids), ...(await named(store, access, mailbox!, uids)) },
      };
    case 'mailbox':
      return { type: `mailbox.${ACTS[record.act!]}`, data: { mailboxId: mailbox, name: record.name } };
    case 'subscription':
      return { type: 'mailbox.subscriptions', data: { name: record.name } };
    case 'record':
      return record.name === SUBMISSION ? await submission(store, access, record.record!) : undefined;
    case 'quota':
    case 'outbox':
    case 'account':
      return undefined;
  }
}

const ACTS = { create: 'created', change: 'changed', remove: 'removed' } as const;

/** UIDs as IMAP writes them: `1:5,7`. */
const placed = (mailboxId: MailboxId, uids: UidSet): object => ({
  mailboxId,
  uids: uids.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(','),
});

/** Messages as they are in lists, but for what changes: where they are and how they are marked. */
async function added(store: MailStore, access: Access, mailbox: MailboxId, uids: UidSet): Promise<object> {
  const rows = await few(store, access, mailbox, uids, FRAGMENT_COLUMNS);
  return rows === undefined ? {} : { messageIds: rows.map(({ message }) => message), messages: rows.map(told) };
}

async function named(store: MailStore, access: Access, mailbox: MailboxId, uids: UidSet): Promise<object> {
  const rows = await few(store, access, mailbox, uids, {});
  return rows === undefined ? {} : { messageIds: rows.map(({ message }) => message) };
}

async function few(
  store: MailStore,
  access: Access,
  mailbox: MailboxId,
  uids: UidSet,
  columns: Parameters<MailStore['messages']>[3],
): Promise<MessageRow[] | undefined> {
  if (count(uids) > TOLD) return undefined;
  const rows: MessageRow[] = [];
  try {
    // What went in the meantime is still told of as it was.
    for await (const batch of store.messages(access, mailbox, uids, columns, { expunged: true })) rows.push(...batch);
  } catch (error) {
    // The mailbox went too, or a message is damaged: its UIDs are said all the same.
    if (!(error instanceof MailError)) throw error;
  }
  return rows;
}

/** As it is now: steps that followed each other quickly are told as the last one. */
async function submission(store: MailStore, access: Access, id: string): Promise<Event | undefined> {
  const kept = await readSubmission(store, access, id);
  return kept && { type: `submission.${kept.record.state}`, data: submissionJson(kept, []) };
}
