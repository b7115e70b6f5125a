/**
 * What filters ask of a message. Each answer is found when it is asked for first, and bounded: strangers write the messages. Texts are folded as in
 * searches; here accents count.
 */
import { textOfBinary } from '#mail/header/charset.ts';
import { decodeWords } from '#mail/header/encoded-word.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import { hasAttachment } from '#mail/mime/body-parts.ts';
import type { IndexedAddress, IndexedHeaders, PartNode } from '#mail/mime/message-index.ts';
import { partText } from '#mail/mime/text.ts';
import type { Filter } from '../account-rules.ts';
import { fold } from '../search/fold.ts';

export interface Facts {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  /** Octets, as clients see it. */
  readonly size: number;
  readonly attachment: boolean;
  readonly text: string;
  /** The folded values of the fields of that name. */
  header(name: string): readonly string[];
}

export interface MessageSource {
  readonly headers: IndexedHeaders;
  readonly root: PartNode;
  /** Octets, with the trace fields of the delivery. */
  readonly size: number;
  /** `local@domain` of the envelope. */
  readonly recipients: readonly string[];
  /** The body as the index counts it, as far as `octetsAsked` says. */
  readonly beginning: () => Uint8Array;
}

/** Octets of a message in which fields of the header are looked for: more our MTA takes from nobody. */
export const HEADER_OCTETS = 262_144;
/** Octets of a message in which its text is looked for. */
export const TEXT_OCTETS = 1_048_576;
/** Characters of decoded text that are looked at. */
export const TEXT_CHARACTERS = 262_144;
/** Addresses, and fields of one name, that are looked at. */
const MOST_VALUES = 1_000;

/** How much of the beginning of a message these filters want to see, in octets: none of it, mostly. */
export function octetsAsked(filters: readonly Filter[]): number {
  let octets = 0;
  for (const { when } of filters) {
    if (when.text !== undefined) return TEXT_OCTETS;
    if (when.header !== undefined || when.listId !== undefined) octets = HEADER_OCTETS;
  }
  return octets;
}

export class MessageFacts implements Facts {
  readonly #source: MessageSource;
  readonly #fields = new Map<string, readonly string[]>();
  #from: string | undefined;
  #to: string | undefined;
  #subject: string | undefined;
  #attachment: boolean | undefined;
  #text: string | undefined;
  #section: readonly { readonly name: string; readonly value: string }[] | undefined;

  constructor(source: MessageSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#source.size;
  }

  get from(): string {
    this.#from ??= addresses(this.#source.headers.from);
    return this.#from;
  }

  get to(): string {
    const { headers, recipients } = this.#source;
    this.#to ??= [addresses(headers.to), addresses(headers.cc), fold(recipients.join('\0'))].join('\0');
    return this.#to;
  }

  get subject(): string {
    this.#subject ??= fold(this.#source.headers.subject);
    return this.#subject;
  }

  get attachment(): boolean {
    this.#attachment ??= hasAttachment(this.#source.root);
    return this.#attachment;
  }

  get text(): string {
    this.#text ??= fold(textOf(this.#source.root, this.#source.beginning()));
    return this.#text;
  }

  header(name: string): readonly string[] {
    const key = name.toLowerCase();
    let values = this.#fields.get(key);
    if (values === undefined) {
      const fields = this.#header().filter((field) => field.name.toLowerCase() === key);
      values = fields.slice(0, MOST_VALUES).map(({ value }) => fold(decodeWords(textOfBinary(unfold(value)))));
      this.#fields.set(key, values);
    }
    return values;
  }

  #header(): readonly { readonly name: string; readonly value: string }[] {
    if (this.#section === undefined) {
      const whole = this.#source.beginning();
      const end = Math.min(this.#source.root.bodyStart, HEADER_OCTETS, whole.length);
      const section = Buffer.from(whole.buffer, whole.byteOffset, end);
      this.#section = splitFields(section.toString('latin1'));
    }
    return this.#section;
  }
}

const addresses = (list: readonly IndexedAddress[]): string =>
  fold(
    list
      .slice(0, MOST_VALUES)
      .map(({ name, address }) => `${name} <${address}>`)
      .join('\0'),
  );

/** The texts of a message in their order, tags of HTML left out, as far as they stand in its beginning. */
function textOf(root: PartNode, beginning: Uint8Array): string {
  const texts: string[] = [];
  let room = TEXT_CHARACTERS;
  const pending = [root];
  for (let part = pending.pop(); part !== undefined && room > 0; part = pending.pop()) {
    for (let i = part.children.length - 1; i >= 0; i--) pending.push(part.children[i] as PartNode);
    if (part.children.length > 0 || !part.type.startsWith('text/') || part.bodyStart >= beginning.length) continue;
    const text = partText(beginning.subarray(part.bodyStart, part.bodyEnd), part).slice(0, room);
    room -= text.length;
    texts.push(text);
  }
  return texts.join('\0');
}
