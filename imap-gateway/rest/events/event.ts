/** What happened in an account, as events and webhooks tell it: made from the records of its log, so that both can be asked for again from any place in it. */
import { MailError } from '#mail/failure.ts';
import type { ChangeRecord } from '#store/change.ts';
import type { MailStore, MessageRow } from '#store/store.ts';
import type { Access, MailboxId, MessageId, ModSeq, Uid, UidSet } from '#store/types.ts';
import { count } from '#store/uid-set.ts';
import type { ViewCache } from '#store/view-cache.ts';
import { mailOf } from '../mail/mail.ts';
import { FRAGMENT_COLUMNS, told } from '../mail/message-json.ts';
import { type Standing, standings } from '../mail/standing.ts';
import { submissionJson } from '../sending/status.ts';
import { readSubmission, SUBMISSION } from '../sending/submission.ts';
import { UNDELIVERABLE } from '../sending/undeliverable.ts';

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
  'submission.undeliverable',
] as const;

/** Markdown: what stands in `data`. */
export const EVENT_DATA =
  '- `message.*`: `{mailboxId, uids, messageIds, messages}`. `messages` are as in lists with `message.added`, and `{id, mailboxIds, keywords, uid}` with `message.flags`; `message.removed` has no `uid`. ' +
  '`mailboxIds` and `keywords` are as they stand now, so that nothing has to be asked for; without a mailbox a message is gone. Of more than 100 messages at once only `mailboxId` and `uids` are told.\n' +
  '- `mailbox.*`: `{mailboxId, name}`.\n' +
  '- `submission.*`: the submission, as `GET /submissions/{id}` has it. `submission.undeliverable`: `{id, message, messageId, from, subject, recipients}` with the recipients who will not get it, as soon as that is known; ' +
  'those that this peer itself has refused are told in a report in INBOX too, unless `notify` says otherwise.';

const UNDELIVERABLE_EVENT = 'submission.undeliverable';
/** Messages that are told one by one; of more only the UIDs are said. */
const TOLD = 100;

type Wanted = (type: string) => boolean;

export interface EventSources {
  readonly store: MailStore;
  readonly views: ViewCache;
}

/** A message that an event is about: how it stands now is put to what is known of it. */
interface Concerned {
  readonly id: MessageId;
  readonly uid?: Uid;
  /** What never changes about it, where that is told. */
  readonly known?: object;
}

interface Event {
  readonly type: string;
  readonly data: object;
  readonly messages?: readonly Concerned[];
}

/** In the order of the log. What nobody wants is not looked up. */
export async function eventsOf(
  sources: EventSources,
  access: Access,
  records: readonly ChangeRecord[],
  wanted: Wanted,
): Promise<AccountEvent[]> {
  const events: (Event & Pick<AccountEvent, 'modseq' | 'index'>)[] = [];
  let index = 0;
  for (const [i, record] of records.entries()) {
    index = i > 0 && records[i - 1]!.modseq === record.modseq ? index + 1 : 0;
    const event = await eventOf(sources.store, access, record, wanted);
    if (event !== undefined && wanted(event.type)) events.push({ modseq: record.modseq, index, ...event });
  }
  const ids = new Set(events.flatMap(({ messages = [] }) => messages.map(({ id }) => id)));
  const standing = ids.size === 0 ? new Map() : await standings(mailOf(sources), access, [...ids]);
  return events.map(({ messages, data, ...event }) => ({
    ...event,
    data: messages === undefined ? data : { ...data, messages: messages.map((one) => now(one, standing)) },
  }));
}

/** In no mailbox any more: it is gone. */
function now({ id, uid, known }: Concerned, standing: ReadonlyMap<MessageId, Standing>): object {
  const { mailboxIds = [], keywords = [] } = standing.get(id) ?? {};
  return { ...(known ?? { id }), mailboxIds, keywords, ...(uid !== undefined && { uid }) };
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
    case 'flags': {
      const type = record.type === 'message' ? 'message.added' : 'message.flags';
      if (!wanted(type)) return undefined;
      return { type, ...(await placed(store, access, { mailbox: mailbox!, uids }, type === 'message.added')) };
    }
    case 'expunge': {
      const messageIds = messages.slice(0, TOLD);
      return {
        type: 'message.removed',
        data: { ...where(mailbox!, uids), messageIds },
        messages: messageIds.map((id) => ({ id })),
      };
    }
    case 'mailbox':
      return { type: `mailbox.${MAILBOX_ACTS[record.act!]}`, data: { mailboxId: mailbox, name: record.name } };
    case 'subscription':
      return { type: 'mailbox.subscriptions', data: { name: record.name } };
    case 'record':
      if (record.name === SUBMISSION) return await submission(store, access, record);
      if (record.name === UNDELIVERABLE && record.act !== 'remove') {
        return wanted(UNDELIVERABLE_EVENT) ? await undeliverable(store, access, record) : undefined;
      }
      return undefined;
    case 'quota':
    case 'outbox':
    case 'account':
      return undefined;
  }
}

const MAILBOX_ACTS = { create: 'created', change: 'changed', remove: 'removed' } as const;

/** UIDs as IMAP writes them: `1:5,7`. */
const where = (mailboxId: MailboxId, uids: UidSet): object => ({
  mailboxId,
  uids: uids.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(','),
});

/** @param whole all that lists tell of a message, or only how it stands. */
async function placed(
  store: MailStore,
  access: Access,
  { mailbox, uids }: { readonly mailbox: MailboxId; readonly uids: UidSet },
  whole: boolean,
): Promise<Pick<Event, 'data' | 'messages'>> {
  const data = where(mailbox, uids);
  const rows = await few(store, access, mailbox, uids, whole ? FRAGMENT_COLUMNS : {});
  if (rows === undefined) return { data };
  return {
    data: { ...data, messageIds: rows.map(({ message }) => message) },
    messages: rows.map((row) => ({ id: row.message, uid: row.uid, ...(whole && { known: told(row) }) })),
  };
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

/** As it is now: of steps that followed each other before they were told, the last one alone is. */
async function submission(
  store: MailStore,
  access: Access,
  { record, modseq }: ChangeRecord,
): Promise<Event | undefined> {
  const kept = await readSubmission(store, access, record!);
  if (kept === undefined || kept.modseq > modseq) return undefined;
  return { type: `submission.${kept.record.state}`, data: submissionJson(kept, []) };
}

async function undeliverable(
  store: MailStore,
  access: Access,
  { record, modseq }: ChangeRecord,
): Promise<Event | undefined> {
  const kept = await store.record(access, UNDELIVERABLE, record!);
  if (kept === undefined || kept.modseq > modseq) return undefined;
  return { type: UNDELIVERABLE_EVENT, data: JSON.parse(kept.value) as object };
}
