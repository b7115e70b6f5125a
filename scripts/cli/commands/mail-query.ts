/** What finds messages: a mailbox, a query, or both. */
import type { Options } from '../act.ts';
import type { OfAccount } from '../operations.ts';

export const QUERY_HELP = `
A query is words that must all be there, with the operators from: to: cc: bcc: subject: body: filename: has:attachment
is:unread is:read is:flagged is:answered is:draft keyword: before: after: on: larger: smaller: in:, quoted phrases, -
before what is not wanted, OR, and parentheses. Without in: (a name, an id, a role, or anywhere) Junk and Trash are
left out.`;

/** `--mailbox` and `--query` as REST has them. */
export async function queryOf(of: OfAccount, { mailbox, query: q }: Options): Promise<Record<string, unknown>> {
  return {
    ...(q !== undefined && { q }),
    ...(typeof mailbox === 'string' && { mailbox: (await of.mailbox(mailbox)).id }),
  };
}
