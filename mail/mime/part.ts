/** The parts of a message while they are found: what `indexer.ts` fills and the formatters read. */
import type { AddressItem } from '../header/address-list.ts';
import { parseAddressList } from '../header/address-list.ts';
import { splitFields, trimBlank, unfold } from '../header/fields.ts';
import { type Parameter, type ParameterizedValue, parseParameters } from '../header/parameters.ts';
import type { IndexLimits } from './limits.ts';

export type PartKind = 'leaf' | 'multipart' | 'message';

export interface Part {
  readonly parent: Part | undefined;
  /** Open parts around this one. */
  readonly depth: number;
  readonly headerStart: number;
  bodyStart: number;
  bodyEnd: number;
  lines: number;
  kind: PartKind;
  /** Without `--`; of a multipart that still looks for it. */
  boundary: string | undefined;
  content: ContentFields;
  /** Of the root and of the roots of embedded messages. */
  message: MessageFields | undefined;
  readonly children: Part[];
}

/** What BODYSTRUCTURE tells of a part: binary strings, unfolded; `undefined` where the field is absent. */
export interface ContentFields {
  /** Lower case `type/subtype`, after the rules for what is missing or wrong. */
  readonly type: string;
  readonly parameters: readonly Parameter[];
  readonly encoding: string;
  readonly id?: string | undefined;
  readonly description?: string | undefined;
  readonly md5?: string | undefined;
  readonly disposition?: ParameterizedValue | undefined;
  readonly languages?: readonly string[] | undefined;
  readonly location?: string | undefined;
}

/** The fields of a message that ENVELOPE and the index want: binary strings, unfolded. */
export interface MessageFields {
  readonly date: string | undefined;
  readonly subject: string | undefined;
  readonly messageId: string | undefined;
  readonly inReplyTo: string | undefined;
  readonly references: string | undefined;
  readonly from: readonly AddressItem[];
  readonly sender: readonly AddressItem[];
  readonly replyTo: readonly AddressItem[];
  readonly to: readonly AddressItem[];
  readonly cc: readonly AddressItem[];
  readonly bcc: readonly AddressItem[];
}

export const NO_FIELDS: MessageFields = {
  date: undefined,
  subject: undefined,
  messageId: undefined,
  inReplyTo: undefined,
  references: undefined,
  from: [],
  sender: [],
  replyTo: [],
  to: [],
  cc: [],
  bcc: [],
};

/** First of each name, lower case; of fields that obsolete mail repeats (RFC 5322 §4.5.3) all, joined by commas. */
export type FieldTable = ReadonlyMap<string, string>;

const MERGED = new Set(['to', 'cc', 'bcc']);

export function fieldTable(header: string): FieldTable {
  const table = new Map<string, string>();
  for (const field of splitFields(header)) {
    const name = field.name.toLowerCase();
    const earlier = table.get(name);
    if (earlier === undefined) table.set(name, field.value);
    else if (MERGED.has(name)) table.set(name, `${earlier},${field.value}`);
  }
  return table;
}

function text(table: FieldTable, name: string): string | undefined {
  const value = table.get(name);
  return value === undefined ? undefined : unfold(value);
}

/** RFC 2045 §5.2: no Content-Type, or one that can't be read, is plain US-ASCII text. */
const US_ASCII: readonly Parameter[] = [{ name: 'charset', raw: 'us-ascii', extended: false, value: 'us-ascii' }];

export const EMPTY_TEXT: ContentFields = { type: 'text/plain', parameters: US_ASCII, encoding: '7bit' };

const TYPE = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+\/[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/;

/** @param fallback the type of a part without Content-Type: message/rfc822 within a digest (RFC 2046 §5.1.5). */
export function contentFields(table: FieldTable, fallback: string, limits: IndexLimits): ContentFields {
  const caps = { count: limits.parameters };
  const typeField = text(table, 'content-type');
  const parsed = typeField === undefined ? undefined : parseParameters(typeField, caps);
  const disposition = text(table, 'content-disposition');
  const parsedDisposition = disposition === undefined ? undefined : parseParameters(disposition, caps);
  const plain = fallback === 'text/plain' ? US_ASCII : [];
  return {
    type: parsed === undefined ? fallback : TYPE.test(parsed.value) ? parsed.value : 'text/plain',
    parameters: parsed === undefined ? plain : parsed.parameters,
    encoding: encodingOf(text(table, 'content-transfer-encoding')),
    id: text(table, 'content-id'),
    description: text(table, 'content-description'),
    md5: text(table, 'content-md5'),
    disposition: parsedDisposition?.value === '' ? undefined : parsedDisposition,
    languages: languagesOf(text(table, 'content-language')),
    location: text(table, 'content-location'),
  };
}

function encodingOf(field: string | undefined): string {
  const word = /^[^\s;(]+/.exec(field ?? '')?.[0].toLowerCase();
  return word ?? '7bit';
}

function languagesOf(field: string | undefined): readonly string[] | undefined {
  const list = field
    ?.split(',')
    .map(trimBlank)
    .filter((tag) => tag !== '');
  return list === undefined || list.length === 0 ? undefined : list.slice(0, 100);
}

export function messageFields(table: FieldTable, limits: IndexLimits): MessageFields {
  const addresses = (name: string): readonly AddressItem[] => {
    const value = table.get(name);
    return value === undefined ? [] : parseAddressList(value, { items: limits.addresses }).items;
  };
  return {
    date: text(table, 'date'),
    subject: text(table, 'subject'),
    messageId: text(table, 'message-id'),
    inReplyTo: text(table, 'in-reply-to'),
    references: text(table, 'references'),
    from: addresses('from'),
    sender: addresses('sender'),
    replyTo: addresses('reply-to'),
    to: addresses('to'),
    cc: addresses('cc'),
    bcc: addresses('bcc'),
  };
}
