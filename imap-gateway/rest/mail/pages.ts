/** Pages of messages as finished JSON. */
import type { Access, MessageId } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import { DEFAULT_LIMIT, writeCursor } from '../paging.ts';
import { type Listed, type ListKey, list, uidsOf } from './listing.ts';
import type { Mail } from './mail.ts';
import { messageText } from './message-json.ts';
import { type Asked, withSources } from './scope.ts';
import { type Standing, standings } from './standing.ts';

export interface AskedPage extends Asked {
  readonly limit?: number;
  readonly after?: ListKey;
}

export async function messagePage(mail: Mail, access: Access, asked: AskedPage): Promise<string> {
  const limit = asked.limit ?? DEFAULT_LIMIT;
  const listed = await withSources(mail, access, asked, async (sources) => {
    const found: Listed[] = [];
    // One more than asked tells whether there is a next page.
    for await (const some of list(mail, access, sources, asked.after, limit + 1)) {
      found.push(...some);
      if (found.length > limit) break;
    }
    return found;
  });
  const items = listed.slice(0, limit);
  const standing = await standings(
    mail,
    access,
    items.map(({ fragment }) => fragment.message),
  );
  const texts = items.flatMap(({ key: [, mailbox, uid], fragment }) => {
    const now = standing.get(fragment.message);
    return now === undefined ? [] : [messageText(fragment.text, now, { mailbox, uid })];
  });
  const next = listed.length > limit ? `,"next":"${writeCursor(items.at(-1)!.key)}"` : '';
  return `{"items":[${texts.join(',')}]${next}}`;
}

/** Every message that is asked for, newest first in each mailbox. */
export async function idsOf(mail: Mail, access: Access, asked: Asked): Promise<MessageId[]> {
  const ids = new Set<MessageId>();
  await withSources(mail, access, asked, async (sources) => {
    for (const source of sources) {
      const { mailbox } = source.view;
      const uids = fromUids(Array.from(uidsOf(source)).sort((a, b) => a - b));
      for await (const rows of mail.store.messages(access, mailbox, uids, {}))
        for (const row of rows) ids.add(row.message);
    }
  });
  return [...ids];
}

/** How a message stands, as JSON; `undefined` for one that can't be read. */
export async function messageNow(mail: Mail, access: Access, standing: Standing): Promise<string | undefined> {
  const [fragment] = await mail.fragments.of(access, [standing.placements[0]!]);
  return fragment && messageText(fragment.text, standing);
}
