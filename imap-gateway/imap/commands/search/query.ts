/** From search keys as written to what the store understands: message numbers and `$` become UIDs, octets become text. */
import { decoderFor } from '#mail/header/charset.ts';
import type { SearchQuery } from '#store/search-query.ts';
import { bad, no, Refused } from '../../command.ts';
import type { SearchKey } from '../../grammar/search-key.ts';
import type { SelectedMailbox } from '../../session.ts';
import { resolveMessages, uidsOf } from '../message-set.ts';

type TextDecode = (octets: Buffer) => string;

const DATE_KEYS = { INTERNALDATE: 'internal-date', SENT: 'sent-date', SAVED: 'saved-date' } as const;

/** @param charset upper case; UTF-8 when absent, which US-ASCII is a part of (RFC 9051 §6.4.4). */
export function queryFor(key: SearchKey, charset: string | undefined, selected: SelectedMailbox): SearchQuery {
  return translate(key, textDecoder(charset), selected);
}

/** True when the client shows by it that it knows modseqs (RFC 7162 §3.1.5). */
export function asksModseq(key: SearchKey): boolean {
  switch (key.key) {
    case 'MODSEQ':
      return true;
    case 'AND':
      return key.keys.some(asksModseq);
    case 'OR':
      return asksModseq(key.left) || asksModseq(key.right);
    case 'NOT':
      return asksModseq(key.inner);
    default:
      return false;
  }
}

function textDecoder(charset: string | undefined): TextDecode {
  const decoder = charset === undefined || charset === 'US-ASCII' ? decoderFor('utf-8') : decoderFor(charset);
  if (decoder === undefined) {
    throw new Refused(no('This charset is not known', 'BADCHARSET (US-ASCII UTF-8)'));
  }
  const strict = new TextDecoder(decoder.encoding, { fatal: true });
  return (octets) => {
    try {
      return strict.decode(octets).normalize('NFC');
    } catch {
      throw new Refused(bad('Text is not in the charset'));
    }
  };
}

function translate(key: SearchKey, text: TextDecode, selected: SelectedMailbox): SearchQuery {
  switch (key.key) {
    case 'ALL':
    case 'SAVEDATESUPPORTED':
      return { key: 'all' };
    case 'AND':
      return { key: 'and', queries: key.keys.map((inner) => translate(inner, text, selected)) };
    case 'OR':
      return { key: 'or', queries: alternatives(key).map((inner) => translate(inner, text, selected)) };
    case 'NOT':
      return { key: 'not', query: translate(key.inner, text, selected) };
    case 'SEQUENCE':
      return { key: 'uids', uids: uidsOf(resolveMessages(key.set, false, selected), selected) };
    case 'UID':
      return { key: 'uids', uids: uidsOf(resolveMessages(key.set, true, selected), selected) };
    case 'FLAG': {
      const query: SearchQuery = { key: 'flag', flag: key.flag };
      return key.set ? query : { key: 'not', query };
    }
    case 'INTERNALDATE':
    case 'SENT':
    case 'SAVED':
      return { key: DATE_KEYS[key.key], op: key.op, day: key.day };
    default:
      return translateLeaf(key, text);
  }
}

type Leaf = Exclude<
  SearchKey,
  {
    key:
      | 'ALL'
      | 'SAVEDATESUPPORTED'
      | 'AND'
      | 'OR'
      | 'NOT'
      | 'SEQUENCE'
      | 'UID'
      | 'FLAG'
      | 'INTERNALDATE'
      | 'SENT'
      | 'SAVED';
  }
>;

function translateLeaf(key: Leaf, text: TextDecode): SearchQuery {
  switch (key.key) {
    case 'OLDER':
      return { key: 'older', seconds: key.seconds };
    case 'YOUNGER':
      return { key: 'younger', seconds: key.seconds };
    case 'LARGER':
      return { key: 'larger', octets: key.octets };
    case 'SMALLER':
      return { key: 'smaller', octets: key.octets };
    case 'MODSEQ':
      return { key: 'modseq', since: key.since };
    case 'HEADER':
      return { key: 'header', name: key.name, text: text(key.text) };
    case 'EMAILID':
      return { key: 'email-id', id: key.id };
    case 'THREADID':
      return { key: 'thread-id', id: key.id };
    default:
      return { key: key.key.toLowerCase() as Lowercase<typeof key.key>, text: text(key.text) };
  }
}

/** `OR a OR b c` in one list: long chains must not nest in the store. */
function alternatives(key: Extract<SearchKey, { key: 'OR' }>): SearchKey[] {
  const found: SearchKey[] = [key.left];
  let rest = key.right;
  while (rest.key === 'OR') {
    found.push(rest.left);
    rest = rest.right;
  }
  found.push(rest);
  return found;
}
