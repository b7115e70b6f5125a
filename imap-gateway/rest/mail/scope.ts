/** Where a list or a search looks: a mailbox, those that `in:` names, or all but Junk and Trash. */
import { MailError } from '#mail/failure.ts';
import { searchView } from '#store/search/from-view.ts';
import type { SearchQuery } from '#store/search-query.ts';
import type { Access, Mailbox, MailboxId, UidSet } from '#store/types.ts';
import type { MailboxView } from '#store/view.ts';
import { HttpProblem } from '../problems.ts';
import type { Source } from './listing.ts';
import { type Mail, withViews } from './mail.ts';
import { QueryError } from './query/lexer.ts';
import { type ParsedQuery, parseQuery } from './query/parse.ts';

export interface Asked {
  readonly mailbox?: MailboxId;
  readonly q?: string;
}

const EVERYTHING: ParsedQuery = { query: { key: 'all' }, in: [] };

/** @throws HttpProblem 400 that says what is wrong with the query, and where. */
export function readQuery(q: string | undefined): ParsedQuery {
  if (q === undefined || q.trim() === '') return EVERYTHING;
  try {
    return parseQuery(q);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new HttpProblem('bad-request', error.message, { errors: [error.input] });
  }
}

/** Runs `use` over the mailboxes asked for, with what the query has found in each. @throws MailError `no-such-mailbox`. */
export async function withSources<T>(
  mail: Mail,
  access: Access,
  asked: Asked,
  use: (sources: readonly Source[]) => Promise<T>,
): Promise<T> {
  const { query, in: places } = readQuery(asked.q);
  const mailboxes = await scopeOf(mail, access, asked.mailbox, places);
  return await withViews(mail, access, mailboxes, async (open) => {
    if (asked.mailbox !== undefined && mailboxes.length > 0 && open.length === 0) throw noSuchMailbox();
    const sources: Source[] = [];
    for (const { view } of open) {
      const found = query.key === 'all' ? undefined : await search(mail, access, view, query);
      if (found !== undefined && found.length === 0) continue;
      const order = await mail.orders.of(access, view);
      sources.push({ view, order, ...(found && { found }) });
    }
    return await use(sources);
  });
}

async function scopeOf(
  mail: Mail,
  access: Access,
  mailbox: MailboxId | undefined,
  places: readonly string[],
): Promise<readonly MailboxId[]> {
  if (mailbox !== undefined && places.length === 0) return [mailbox];
  const { mailboxes } = await mail.store.mailboxes(access);
  let found: readonly Mailbox[] = mailboxes;
  if (places.length === 0) found = mailboxes.filter(({ role }) => role !== 'junk' && role !== 'trash');
  else if (!places.some((place) => /^(anywhere|all)$/i.test(place))) {
    found = [...new Set(places.map((place) => mailboxOf(mailboxes, place)))];
  }
  return found.map(({ id }) => id).filter((id) => mailbox === undefined || id === mailbox);
}

const ROLE_NAMES: Readonly<Record<string, string>> = { spam: 'junk', bin: 'trash' };

function mailboxOf(mailboxes: readonly Mailbox[], place: string): Mailbox {
  const key = place.toLowerCase();
  const found =
    mailboxes.find(({ id, name }) => id === place || name === place) ??
    mailboxes.find(({ role }) => role === (ROLE_NAMES[key] ?? key)) ??
    mailboxes.find(({ name }) => name.toLowerCase() === key);
  if (found !== undefined) return found;
  const message = `in:${place}: there is no such mailbox`;
  throw new HttpProblem('bad-request', message, { errors: [{ path: '/query/q', message }] });
}

async function search(mail: Mail, access: Access, view: MailboxView, query: SearchQuery): Promise<UidSet> {
  const here = searchView(query, view);
  if (here !== undefined) return here;
  const key = `${access.owner} ${view.mailbox} ${JSON.stringify(query)}`;
  const known = mail.searches.get(key);
  if (known !== undefined && known.modseq === view.highestModseq) return known.found;
  const modseq = view.highestModseq;
  const found = await mail.store.search(access, view.mailbox, query);
  // What was found may be newer than the modseq: then it is looked for once more, and no harm is done.
  mail.searches.set(key, { modseq, found }, 200 + key.length + found.length * 60);
  return found;
}

const noSuchMailbox = (): MailError => new MailError('no-such-mailbox', 'There is no such mailbox');
