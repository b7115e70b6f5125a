/**
 * Address lists of header fields (RFC 5322 §3.4 with the obsolete forms of §4.4), read in one pass without recursion. What can't
 * be an address is kept as well as it goes: a list is never refused.
 */
import type { IndexedAddress } from '../mime/message-index.ts';
import { textOfBinary } from './charset.ts';
import { decodeWords } from './encoded-word.ts';
import { trimBlank } from './fields.ts';

/**
 * One address as RFC 9051 §7.5.2 wants it: quoting removed, encoded words left as they are. A group is a `group` item with its name, its members,
 * and an `end` item. All strings are binary strings when the input is one.
 */
export type AddressItem =
  | {
      readonly kind: 'mailbox';
      readonly name?: string;
      /** The obsolete source route, `@a,@b`. */
      readonly route?: string;
      /** Without quotes. */
      readonly local: string;
      /** Empty when it is missing. */
      readonly domain: string;
    }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'end' };

export interface AddressLimits {
  /** Items beyond this are cut off. */
  readonly items: number;
}

export const ADDRESS_LIMITS: AddressLimits = { items: 10_000 };

export interface AddressList {
  readonly items: readonly AddressItem[];
  readonly truncated: boolean;
}

/** What the reader holds of the address in hand. */
interface Draft {
  /** Words before `<` or before the end: a display name, or a bare address. */
  words: Token[];
  /** Between `<` and `>`. */
  angle: Token[] | undefined;
  inAngle: boolean;
  comment: string;
}

type Token = { readonly text: string; readonly type: 'atom' | 'quoted' | 'special' | 'domain' };

export function parseAddressList(text: string, limits: AddressLimits = ADDRESS_LIMITS): AddressList {
  const items: AddressItem[] = [];
  const reader = new TokenReader(text);
  let draft = emptyDraft();
  let inGroup = false;
  for (;;) {
    if (items.length >= limits.items) {
      if (inGroup) items.push({ kind: 'end' });
      return { items, truncated: true };
    }
    const token = reader.next();
    if (token === undefined) break;
    const special = token.type === 'special' ? token.text : '';
    if (special === ',' && !(draft.inAngle && isRoute(draft.angle))) {
      finish(draft, reader, items);
      draft = emptyDraft();
    } else if (special === ':' && !draft.inAngle && !inGroup) {
      items.push({ kind: 'group', name: phrase(draft.words) });
      reader.takeComment();
      inGroup = true;
      draft = emptyDraft();
    } else if (special === ';' && !draft.inAngle) {
      // Outlook separates addresses with semicolons; within a group it ends the group.
      finish(draft, reader, items);
      draft = emptyDraft();
      if (inGroup) items.push({ kind: 'end' });
      inGroup = false;
    } else if (special === '<' && draft.angle === undefined) {
      draft.angle = [];
      draft.inAngle = true;
    } else if (special === '>' && draft.inAngle) draft.inAngle = false;
    else if (draft.inAngle) draft.angle?.push(token);
    else draft.words.push(token);
  }
  finish(draft, reader, items);
  if (inGroup) items.push({ kind: 'end' });
  return { items, truncated: false };
}

const emptyDraft = (): Draft => ({ words: [], angle: undefined, inAngle: false, comment: '' });

const isRoute = (tokens: Token[] | undefined): boolean => tokens?.[0]?.type === 'special' && tokens[0].text === '@';

function finish(draft: Draft, reader: TokenReader, items: AddressItem[]): void {
  const comment = reader.takeComment();
  if (draft.angle === undefined) {
    if (draft.words.length === 0) return;
    const bare = addrSpec(draft.words);
    items.push(comment === '' ? { kind: 'mailbox', ...bare } : { kind: 'mailbox', name: comment, ...bare });
    return;
  }
  const { route, rest } = splitRoute(draft.angle);
  const spec = addrSpec(rest);
  if (spec.local === '' && spec.domain === '' && draft.words.length === 0) return;
  const name = draft.words.length > 0 ? phrase(draft.words) : comment;
  items.push({ kind: 'mailbox', ...(name === '' ? {} : { name }), ...(route === '' ? {} : { route }), ...spec });
}

/** RFC 5322 §4.4: `@a,@b:user@c`. */
function splitRoute(tokens: Token[]): { route: string; rest: Token[] } {
  if (!isRoute(tokens)) return { route: '', rest: tokens };
  const colon = tokens.findIndex((token) => token.type === 'special' && token.text === ':');
  if (colon < 0) return { route: '', rest: tokens };
  return { route: plain(tokens.slice(0, colon)), rest: tokens.slice(colon + 1) };
}

/** The last `@` parts local from domain, so that `a@b@c` loses nothing. */
function addrSpec(tokens: Token[]): { local: string; domain: string } {
  const at = tokens.findLastIndex((token) => token.type === 'special' && token.text === '@');
  if (at < 0) return { local: phrase(tokens), domain: '' };
  return { local: plain(tokens.slice(0, at)), domain: plain(tokens.slice(at + 1)) };
}

const plain = (tokens: Token[]): string =>
  tokens.length === 1 ? (tokens[0]?.text ?? '') : tokens.map((t) => t.text).join('');

/** Words of a display name, one space between; a dot or an `@` sticks to its neighbours (obsolete phrases: `John Q. Public`). */
function phrase(tokens: Token[]): string {
  let out = '';
  let glue = true;
  for (const token of tokens) {
    const sticks = token.type === 'special';
    if (!glue && !sticks) out += ' ';
    out += token.text;
    glue = sticks;
  }
  return out;
}

/** Binary strings: `\s` would match 0xA0, half a UTF-8 character. Lenient: an encoded word is one atom even where it holds specials, as many senders write it. */
const ENCODED_WORD = /=\?[^? \t\r\n]+\?[bBqQ]\?[^? \t\r\n]*\?=/y;
const ATOM = /[^ \t\r\n()<>[\]:;@\\,"]+/y;
const BLANK = /[ \t\r\n]+/y;

class TokenReader {
  private readonly text: string;
  private at = 0;
  private comment = '';

  constructor(text: string) {
    this.text = text;
  }

  /** The last comment since it was taken: the display name of `user@host (Name)`. */
  takeComment(): string {
    const taken = this.comment;
    this.comment = '';
    return taken;
  }

  next(): Token | undefined {
    while (this.at < this.text.length) {
      const c = this.text.charAt(this.at);
      if (c === '(') this.readComment();
      else if (c === '"') return { type: 'quoted', text: this.readQuoted('"') };
      else if (c === '[') return { type: 'domain', text: `[${this.readQuoted(']')}]` };
      else if (!this.skip(BLANK)) {
        const word = (c === '=' && this.match(ENCODED_WORD)) || this.match(ATOM);
        if (word) return { type: 'atom', text: word };
        this.at += 1;
        if (c !== '\\' && c !== ']' && c !== ')') return { type: 'special', text: c };
      }
    }
    return undefined;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const word = pattern.exec(this.text)?.[0] ?? '';
    this.at += word.length;
    return word;
  }

  private skip(pattern: RegExp): boolean {
    return this.match(pattern) !== '';
  }

  /** From the opening sign at `at` to the closing one or the end; `\x` is x, line ends of folds go. */
  private readQuoted(close: string): string {
    let out = '';
    let from = this.at + 1;
    let i = from;
    for (; i < this.text.length; i += 1) {
      const c = this.text.charAt(i);
      if (c === close) break;
      if (c === '\\' || c === '\r' || c === '\n') {
        out += this.text.slice(from, i);
        if (c === '\\') i += 1;
        from = c === '\\' ? i : i + 1;
      }
    }
    out += this.text.slice(from, i);
    this.at = i + 1;
    return out;
  }

  private readComment(): void {
    let depth = 0;
    let out = '';
    let i = this.at;
    for (; i < this.text.length; i += 1) {
      const c = this.text.charAt(i);
      if (c === '\\') {
        i += 1;
        out += this.text.charAt(i);
      } else if (c === '(') {
        depth += 1;
        if (depth > 1) out += c;
      } else if (c === ')') {
        depth -= 1;
        if (depth === 0) break;
        out += c;
      } else if (c !== '\r' && c !== '\n') out += c;
    }
    this.at = i + 1;
    this.comment = trimBlank(out);
  }
}

/** `local@domain`, the local part quoted where RFC 5322 §3.4.1 needs it. */
export function formatAddrSpec(local: string, domain: string): string {
  if (local === '' && domain === '') return '';
  const safe = DOT_ATOM.test(local) ? local : `"${local.replace(/[\\"]/g, '\\$&')}"`;
  return domain === '' ? safe : `${safe}@${domain}`;
}

const DOT_ATOM = /^[^\x00-\x20\x7f()<>[\]:;@\\,".]+(?:\.[^\x00-\x20\x7f()<>[\]:;@\\,".]+)*$/;

/** Items as text for listings and search: 8-bit octets and encoded words decoded. A group becomes an entry without address. */
export function indexedAddresses(items: readonly AddressItem[]): IndexedAddress[] {
  const out: IndexedAddress[] = [];
  for (const item of items) {
    if (item.kind === 'end') continue;
    const name = item.name === undefined ? '' : decodeWords(textOfBinary(item.name));
    const address = item.kind === 'group' ? '' : textOfBinary(formatAddrSpec(item.local, item.domain));
    out.push({ name, address });
  }
  return out;
}
