/** Threads: lists of them by their newest message, and one with all of its messages. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import type { Access, MessageId, Placed, ThreadId } from '#store/types.ts';
import { contains } from '#store/uid-set.ts';
import { BIT } from '#store/view.ts';
import { DEFAULT_LIMIT, writeCursor } from '../paging.ts';
import { Id, Time } from '../schemas.ts';
import { type Listed, list, type Source } from './listing.ts';
import type { Mail } from './mail.ts';
import { Message, messageText } from './message-json.ts';
import type { AskedPage } from './pages.ts';
import { withSources } from './scope.ts';
import { type Standing, standingsOf } from './standing.ts';

export const Thread = Type.Object(
  {
    id: Id,
    messages: Type.Integer({ description: 'How many, wherever they are.' }),
    unread: Type.Integer(),
    mailboxIds: Type.Array(Id),
    latest: Message,
  },
  { title: 'Thread' },
);

export const WholeThread = Type.Object(
  { id: Id, messages: Type.Array(Message, { description: 'The oldest first.' }), updatedAt: Time },
  { title: 'WholeThread' },
);

interface Head {
  readonly listed: Listed;
  readonly placed: readonly Placed[];
}

export async function threadPage(mail: Mail, access: Access, asked: AskedPage): Promise<string> {
  const limit = asked.limit ?? DEFAULT_LIMIT;
  const heads = await withSources(mail, access, asked, (sources) => headsOf(mail, access, sources, asked, limit + 1));
  const shown = heads.slice(0, limit);
  const standing = await standingsOf(
    mail,
    access,
    shown.flatMap(({ placed }) => placed),
  );
  const texts = shown.flatMap((head) => threadText(head, standing));
  const next = heads.length > limit ? `,"next":"${writeCursor(shown.at(-1)!.listed.key)}"` : '';
  return `{"items":[${texts.join(',')}]${next}}`;
}

/** The newest message of each thread, as the list goes. One whose thread has a newer one in it stands on an earlier page. */
async function headsOf(
  mail: Mail,
  access: Access,
  sources: readonly Source[],
  { after }: AskedPage,
  wanted: number,
): Promise<Head[]> {
  const heads: Head[] = [];
  const seen = new Set<ThreadId>();
  for await (const some of list(mail, access, sources, after, wanted)) {
    const fresh = some.filter(({ fragment: { thread } }) => !seen.has(thread) && seen.add(thread));
    const placed = Map.groupBy(
      fresh.length === 0
        ? []
        : await mail.store.threadMessages(
            access,
            fresh.map(({ fragment }) => fragment.thread),
          ),
      ({ thread }) => thread,
    );
    for (const listed of fresh) {
      const all = placed.get(listed.fragment.thread) ?? [];
      if (isNewest(listed, all, sources)) heads.push({ listed, placed: all });
      if (heads.length >= wanted) return heads;
    }
  }
  return heads;
}

function isNewest({ key: [time, mailbox, uid] }: Listed, all: readonly Placed[], sources: readonly Source[]): boolean {
  return all.every((other) => {
    const source = sources.find(({ view }) => view.mailbox === other.mailbox);
    if (source === undefined || !isListed(source, other.uid)) return true;
    const at = source.order.find(other.uid);
    if (at === undefined || at < time) return true;
    if (at > time) return false;
    return other.mailbox === mailbox ? other.uid <= uid : other.mailbox > mailbox;
  });
}

function isListed({ view, found }: Source, uid: number): boolean {
  const index = view.indexOf(uid);
  return index >= 0 && (view.bitsAt(index) & BIT.deleted) === 0 && (found === undefined || contains(found, uid));
}

function threadText({ listed, placed }: Head, standing: ReadonlyMap<MessageId, Standing>): string[] {
  const [, mailbox, uid] = listed.key;
  const { message, thread, text } = listed.fragment;
  const now = standing.get(message);
  if (now === undefined) return [];
  const all = [...new Set(placed.map((one) => one.message))].flatMap((id) => standing.get(id) ?? []);
  const about = {
    id: thread,
    messages: all.length,
    unread: all.filter(({ keywords }) => !keywords.includes('$seen')).length,
    mailboxIds: [...new Set(all.flatMap(({ mailboxIds }) => mailboxIds))].sort(),
  };
  return [`${JSON.stringify(about).slice(0, -1)},"latest":${messageText(text, now, { mailbox, uid })}}`];
}

export interface ThreadNow {
  readonly text: string;
  readonly tag: string;
}

/** Threads with more are cut: the newest are there. */
const MOST_MESSAGES = 1_000;

/** Throws `no-such-message`. */
export async function wholeThread(mail: Mail, access: Access, id: ThreadId): Promise<ThreadNow> {
  const placed = await mail.store.threadMessages(access, [id]);
  const standing = [...(await standingsOf(mail, access, placed)).values()];
  const fragments = await mail.fragments.of(
    access,
    standing.map(({ placements }) => placements[0]!),
  );
  const messages = standing
    .flatMap((now, i) => (fragments[i] === undefined ? [] : [{ now, fragment: fragments[i] }]))
    .sort((a, b) => a.fragment.time - b.fragment.time || (a.now.message < b.now.message ? -1 : 1))
    .slice(-MOST_MESSAGES);
  const last = messages.at(-1);
  if (last === undefined) throw new MailError('no-such-message', 'There is no such thread');
  const modseq = Math.max(...standing.flatMap(({ placements }) => placements.map((one) => one.modseq)));
  const count = standing.reduce((sum, { placements }) => sum + placements.length, 0);
  const texts = messages.map(({ now, fragment }) => messageText(fragment.text, now));
  const updatedAt = new Date(last.fragment.time).toISOString();
  return {
    text: `{"id":"${id}","updatedAt":"${updatedAt}","messages":[${texts.join(',')}]}`,
    tag: `W/"${modseq.toString(36)}.${count}"`,
  };
}
