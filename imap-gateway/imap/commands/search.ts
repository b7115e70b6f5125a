/** SEARCH and UID SEARCH (RFC 9051 §6.4.4). */

import { searchView } from '#store/search/from-view.ts';
import { EMPTY } from '#store/uid-set.ts';
import { type CommandContext, type Completion, defineCommand, ok, Refused } from '../command.ts';
import { parseSearch } from '../grammar/search.ts';
import type { SearchArguments, SearchReturn } from '../grammar/search-key.ts';
import { enableCondstore } from '../notify.ts';
import { isRev2, type StateOf } from '../session.ts';
import { asksModseq, queryFor } from './search/query.ts';
import { extendedAnswer, kept, oldAnswer } from './search/result.ts';

type Arguments = SearchArguments & { readonly uid: boolean };

export const search = defineCommand({
  name: 'SEARCH',
  uid: true,
  allowedIn: ['selected'],
  capabilities: ['ESEARCH', 'SEARCHRES', 'WITHIN'],
  // RFC 9051 §7.5.1: the numbers in the answer must stay what they are.
  updates: (args: Arguments) => (args.uid ? 'all' : 'no-expunge'),
  parse: (cursor, { uid }): Arguments => ({ ...parseSearch(cursor), uid }),
  run: runSearch,
});

async function runSearch(args: Arguments, context: CommandContext, state: StateOf<'selected'>): Promise<Completion> {
  const { selected, access } = state;
  const modseq = asksModseq(args.key);
  if (modseq) enableCondstore(context);
  // RFC 9051 §6.4.4: IMAP4rev2 knows ESEARCH only, with ALL unless something else is asked.
  const returns: readonly SearchReturn[] | undefined = args.returns ?? (isRev2(context.session) ? ['ALL'] : undefined);
  try {
    const query = queryFor(args.key, args.charset, selected);
    const matches =
      searchView(query, selected.view.columns) ?? (await context.services.store.search(access, selected.id, query));
    const found = selected.numbering.known(matches);
    const result = { tag: context.tag, uid: args.uid, found, modseq };
    if (returns?.includes('SAVE')) selected.saved = kept(found, new Set(returns));
    const answer = returns === undefined ? oldAnswer(result, selected) : extendedAnswer(result, returns, selected);
    if (answer.length > 0) context.out.write(answer);
    return ok('SEARCH completed');
  } catch (error) {
    // RFC 5182 §2.1: NO empties `$`, BAD leaves it.
    const isBad = error instanceof Refused && error.completion.status === 'BAD';
    if (returns?.includes('SAVE') && !isBad) selected.saved = EMPTY;
    throw error;
  }
}
