/** What was expunged and is still retained: listed, and brought back. */
import Type, { type Static } from 'typebox';
import { MailError } from '#mail/failure.ts';
import { type MutationResult, RESTORE_LIMIT } from '#store/mutation.ts';
import type { ExpungedMessage } from '#store/store.ts';
import type { Access, MailboxId, MessageId } from '#store/types.ts';
import { DEFAULT_LIMIT, writeCursor } from '../paging.ts';
import { HttpProblem } from '../problems.ts';
import type { DeepReadonly } from '../route.ts';
import { Id, Time, time } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { commit } from './commit.ts';
import { keywordsOf } from './keywords.ts';
import { messageProperties, told } from './message-json.ts';

const { mailboxIds: _, ...properties } = messageProperties;

export const Expunged = Type.Object(
  {
    ...properties,
    expungedAt: Time,
    mailbox: Type.Optional(
      Type.Object(
        { id: Id, name: Type.String(), removed: Type.Boolean({ description: 'It is there no more.' }) },
        { description: 'Where it went from last; absent where that isn’t known.' },
      ),
    ),
  },
  { title: 'ExpungedMessage' },
);

/** Ids of one request: more would be many commits, of which some may fail. */
export const MOST_IDS = RESTORE_LIMIT;

export const Restore = Type.Object(
  {
    ids: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: MOST_IDS })),
    since: Type.Optional(Type.Intersect([Time], { description: 'All that was expunged at this time or after it.' })),
    mailbox: Type.Optional(Type.Intersect([Id], { description: 'Where to. By default each goes where it was.' })),
  },
  { title: 'MessagesToRestore' },
);

export const RestoredJson = Type.Object(
  {
    restored: Type.Integer(),
    messages: Type.Array(Type.Object({ id: Id, mailboxId: Id, uid: Type.Integer() }), {
      description: `Where they are now; the first ${MOST_IDS}.`,
    }),
    present: Type.Array(Id, { description: 'Of the `ids`: those that are in a mailbox already.' }),
    gone: Type.Array(Id, {
      description: 'Of the `ids`: those that can’t be brought back any more, or never were here.',
    }),
  },
  { title: 'RestoredMessages' },
);

export type RestoreRequest = DeepReadonly<Static<typeof Restore>>;
type RestoredAnswer = Static<typeof RestoredJson>;

export const Cursor = Type.String({ maxLength: 200 });
/** Reads of one page: most of what went from a mailbox may be in another. What is left over is for the next page. */
const READS = 10;

export interface ExpungedList {
  readonly limit?: number;
  readonly since?: string;
  /** From an earlier answer. */
  readonly after?: string;
}

export async function expungedPage({ store }: RestServices, access: Access, list: ExpungedList) {
  const limit = list.limit ?? DEFAULT_LIMIT;
  const since = list.since === undefined ? {} : { since: Date.parse(list.since) };
  const messages: ExpungedMessage[] = [];
  let next = list.after;
  for (let reads = 0; reads < READS; reads++) {
    const wanted = { limit: limit - messages.length, ...since, ...(next !== undefined && { before: next }) };
    const page = await store.expunged(access, wanted);
    messages.push(...page.messages);
    next = page.next;
    if (next === undefined || messages.length === limit) break;
  }
  return { items: messages.map(expungedJson), ...(next !== undefined && { next: writeCursor(next) }) };
}

function expungedJson({ row, flags, mailbox, expungedAt }: ExpungedMessage): Static<typeof Expunged> {
  return {
    ...(told(row) as Static<typeof Expunged>),
    keywords: keywordsOf(flags),
    expungedAt: time(expungedAt),
    ...(mailbox && { mailbox }),
  };
}

/**
 * By `ids` all or nothing, but for what is gone; `since` in commits of some hundred, the last that went first, until `signal` says that nobody waits any more.
 * @throws HttpProblem 400, MailError `no-such-mailbox`, `over-quota`.
 */
export async function restoreExpunged(
  services: RestServices,
  access: Access,
  { ids, since, mailbox }: RestoreRequest,
  signal: AbortSignal,
): Promise<RestoredAnswer> {
  if ((ids === undefined) === (since === undefined)) throw new HttpProblem('bad-request', 'Either ids, or since');
  if (ids !== undefined) {
    const { present, missing, ...done } = await restore(services, access, ids, mailbox);
    return { ...added(empty(), done), present: [...present], gone: [...missing] };
  }
  const answer = empty();
  let before: string | undefined;
  do {
    const query = { limit: RESTORE_LIMIT, since: Date.parse(since!), ...(before !== undefined && { before }) };
    const page = await services.store.expunged(access, query);
    before = page.next;
    // As they lay in their mailboxes.
    const some = page.messages.map(({ row }) => row.message).toReversed();
    if (some.length > 0) added(answer, await restoreSome(services, access, some, mailbox, answer.restored));
  } while (before !== undefined && !signal.aborted);
  return answer;
}

type Restored = Extract<MutationResult, { type: 'restore' }>;

async function restoreSome(
  services: RestServices,
  access: Access,
  ids: readonly MessageId[],
  to: MailboxId | undefined,
  before: number,
): Promise<Restored> {
  try {
    return await restore(services, access, ids, to);
  } catch (error) {
    if (!(error instanceof MailError) || before === 0) throw error;
    throw new MailError(error.failure, `${error.message}, after ${before} were restored`, { cause: error });
  }
}

async function restore(
  services: RestServices,
  access: Access,
  messages: readonly MessageId[],
  to: MailboxId | undefined,
): Promise<Restored> {
  const [result] = await commit(services, access, [{ type: 'restore', messages, ...(to !== undefined && { to }) }]);
  return result as Restored;
}

const empty = (): RestoredAnswer => ({ restored: 0, messages: [], present: [], gone: [] });

function added(answer: RestoredAnswer, { restored }: Pick<Restored, 'restored'>): RestoredAnswer {
  answer.restored += restored.length;
  for (const { message: id, mailbox: mailboxId, uid } of restored.slice(0, MOST_IDS - answer.messages.length)) {
    answer.messages.push({ id, mailboxId, uid });
  }
  return answer;
}
