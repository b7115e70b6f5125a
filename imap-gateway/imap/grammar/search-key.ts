/** Search keys as the client wrote them: RFC 9051 §6.4.4, RFC 3501 §6.4.4, WITHIN, CONDSTORE, OBJECTID, SAVEDATE. */
import type { SequenceSet } from './sequence-set.ts';

export type DateOperator = 'before' | 'on' | 'since';

/** `text` values are octets in the CHARSET of the command. */
export type SearchKey =
  | { readonly key: 'ALL' }
  | { readonly key: 'AND'; readonly keys: readonly SearchKey[] }
  | { readonly key: 'OR'; readonly left: SearchKey; readonly right: SearchKey }
  | { readonly key: 'NOT'; readonly inner: SearchKey }
  | { readonly key: 'SEQUENCE' | 'UID'; readonly set: SequenceSet }
  | { readonly key: 'FLAG'; readonly flag: string; readonly set: boolean }
  | { readonly key: 'INTERNALDATE' | 'SENT' | 'SAVED'; readonly op: DateOperator; readonly day: string }
  /** RFC 8514 §4.3 */
  | { readonly key: 'SAVEDATESUPPORTED' }
  /** RFC 5032: seconds. */
  | { readonly key: 'OLDER' | 'YOUNGER'; readonly seconds: number }
  | { readonly key: 'LARGER' | 'SMALLER'; readonly octets: number }
  | { readonly key: 'MODSEQ'; readonly since: number }
  | { readonly key: 'HEADER'; readonly name: string; readonly text: Buffer }
  | { readonly key: 'FROM' | 'TO' | 'CC' | 'BCC' | 'SUBJECT' | 'BODY' | 'TEXT'; readonly text: Buffer }
  | { readonly key: 'EMAILID' | 'THREADID'; readonly id: string };

/** What RETURN asks (RFC 9051 §6.4.4, RFC 4731, RFC 5182). */
export type SearchReturn = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE';

export interface SearchArguments {
  /** Absent: the untagged SEARCH of RFC 3501 unless IMAP4rev2 is enabled. */
  readonly returns?: readonly SearchReturn[];
  /** Upper case. */
  readonly charset?: string;
  readonly key: SearchKey;
}
