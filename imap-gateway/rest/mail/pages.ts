/** Pages of messages as finished JSON. */
import type { Access } from '#store/types.ts';
import { DEFAULT_LIMIT, writeCursor } from '../paging.ts';
import { type Listed, type ListKey, list } from './listing.ts';
import type { Mail } from './mail.ts';
import { messageText } from './message-json.ts';
import { type Asked, withSources } from './scope.ts';
import { standings } from './standing.ts';

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
