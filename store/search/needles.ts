/**
 * What must stand in the addresses or the subject of a message for a query to match it: so that most messages are passed over without being
 * looked at one by one. Whoever is not passed over is looked at.
 */
import type { IndexedHeaders } from '#mail/mime/message-index.ts';
import type { SearchQuery } from '../search-query.ts';
import { fold } from './fold.ts';

/** The folded text in which the needles are looked for. Between values stands NUL, which no needle has. */
export function searchedText(headers: IndexedHeaders): string {
  const addresses = [headers.from, headers.to, headers.cc, headers.bcc].flat();
  return fold([...addresses.map(({ name, address }) => `${name} <${address}>`), headers.subject].join('\0'));
}

/** At least one of these is in what matches; `undefined` when nothing can be said. @param query folded (decide.ts). */
export function needlesOf(query: SearchQuery): readonly string[] | undefined {
  switch (query.key) {
    case 'from':
    case 'to':
    case 'cc':
    case 'bcc':
    case 'subject':
      return query.text === '' || query.text.includes('\0') ? undefined : [query.text];
    case 'and':
      return query.queries.map(needlesOf).find((needles) => needles !== undefined);
    case 'or': {
      const all = query.queries.map(needlesOf);
      return all.includes(undefined) ? undefined : all.flatMap((needles) => needles!);
    }
    default:
      return undefined;
  }
}
