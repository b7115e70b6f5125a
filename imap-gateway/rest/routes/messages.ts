/** Lists of messages, and one of them. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import Type from 'typebox';
import { Content } from '../content.ts';
import { Key } from '../mail/listing.ts';
import { type KeptAnswer, mailOf } from '../mail/mail.ts';
import { Message } from '../mail/message-json.ts';
import { messagePage } from '../mail/pages.ts';
import { readCursor } from '../paging.ts';
import type { Routes } from '../route.ts';
import { Id, Page, paging } from '../schemas.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

export const searchQuery = {
  mailbox: Type.Optional(Id),
  q: Type.Optional(
    Type.String({
      maxLength: 2000,
      description:
        'Words that must all be there, with the operators `from: to: cc: bcc: subject: body: filename: has:attachment is:unread is:read is:flagged is:answered is:draft keyword: before: after: on: larger: smaller: in:`, quoted phrases, `-` or NOT before what is not wanted, OR, and parentheses. Case doesn’t count, and accents may be left out: `uber` finds Über. Without `in:` (a name, an id, a role, or `anywhere`) Junk and Trash are left out. Another word before a colon is a word like others; one that is nearly an operator (`form:`), or one in other systems (`label:`), is refused: in quotes it is text.',
      examples: ['from:alice has:attachment -subject:"out of office" after:2026-01-01'],
    }),
  ),
};

export function messageRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/messages',
    scope: 'mail:read',
    tag: 'Messages',
    summary: 'List or search messages',
    description:
      'The newest first, by the time at which they were received; of one mailbox, or of the account. A cursor stays right while mail comes and goes.',
    operationId: 'listMessages',
    query: Type.Object({ ...searchQuery, ...paging }),
    response: Page(Message),
    produces: [],
    failures: ['bad-request', 'no-such-mailbox'],
    async run({ query, access, services, etag, headers }) {
      const mail = mailOf(services);
      const { modseq } = await services.store.accountState(access);
      etag(`W/"${modseq.toString(36)}"`);
      const { cursor, ...asked } = query;
      const key = `${access.owner} ${JSON.stringify([asked.mailbox, asked.q, asked.limit, cursor])}`;
      const known = mail.answers.get(key);
      if (known?.modseq === modseq) return await again(known, headers['accept-encoding']);
      const after = readCursor(cursor, Key);
      const text = Buffer.from(await messagePage(mail, access, { ...asked, ...(after && { after }) }));
      mail.answers.set(key, { modseq, text }, text.length + key.length);
      return new Content({ type: JSON_TYPE, body: text });
    },
  });
}

const compress = promisify(gzip);
/** Less is not worth it. */
const LEAST = 2_048;

/** What is asked for again, as programs that poll do, is worth compressing once. */
async function again(known: KeptAnswer, accepted: string | string[] | undefined): Promise<Content> {
  const wanted = known.text.length >= LEAST && /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(String(accepted ?? ''));
  if (!wanted) return new Content({ type: JSON_TYPE, body: known.text, headers: { vary: 'accept-encoding' } });
  known.gzip ??= compress(known.text, { level: 6 });
  const body = await known.gzip;
  return new Content({ type: JSON_TYPE, body, headers: { vary: 'accept-encoding', 'content-encoding': 'gzip' } });
}
