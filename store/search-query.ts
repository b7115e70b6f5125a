/** What a search asks, free of any protocol: sequence numbers and `$` were resolved to UIDs before. Text is NFC Unicode, matched as a case-insensitive substring of decoded text; a letter without an accent matches those with one (search/holds.ts). */
import type { ModSeq, UidSet } from './types.ts';

export type SearchQuery =
  | { readonly key: 'all' }
  | { readonly key: 'and' | 'or'; readonly queries: readonly SearchQuery[] }
  | { readonly key: 'not'; readonly query: SearchQuery }
  | { readonly key: 'uids'; readonly uids: UidSet }
  | { readonly key: 'flag'; readonly flag: string }
  /** Days are `YYYY-MM-DD` in the date's own zone, its time disregarded (RFC 9051 §6.4.4). */
  | {
      readonly key: 'internal-date' | 'sent-date' | 'saved-date';
      readonly op: 'before' | 'on' | 'since';
      readonly day: string;
    }
  /** Seconds before now by internal date (RFC 5032). */
  | { readonly key: 'older' | 'younger'; readonly seconds: number }
  | { readonly key: 'larger' | 'smaller'; readonly octets: number }
  | { readonly key: 'modseq'; readonly since: ModSeq }
  /** An empty text means: the field is there. */
  | { readonly key: 'header'; readonly name: string; readonly text: string }
  | { readonly key: 'from' | 'to' | 'cc' | 'bcc' | 'subject'; readonly text: string }
  | { readonly key: 'body' | 'text'; readonly text: string }
  /** Something is attached (mail/mime/body-parts.ts); the file name of a part. */
  | { readonly key: 'attachment' }
  | { readonly key: 'filename'; readonly text: string }
  | { readonly key: 'email-id' | 'thread-id'; readonly id: string };
