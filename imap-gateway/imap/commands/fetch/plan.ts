/** What a FETCH asks for, sorted out once for all its messages. */
import type { Section } from '#mail/mime/section.ts';
import type { Columns } from '#store/store.ts';
import type { FetchArguments, FetchItem } from '../../grammar/fetch.ts';
import type { SectionSpec } from '../../grammar/section.ts';

export interface FetchPlan {
  readonly items: readonly FetchItem[];
  readonly uid: boolean;
  readonly flags: boolean;
  readonly modseq: boolean;
  /** Nothing but UID, FLAGS and MODSEQ: the view answers alone. */
  readonly viewOnly: boolean;
  /** Something is asked without PEEK: \Seen is to be set. */
  readonly marksSeen: boolean;
  readonly columns: Columns;
}

const FROM_VIEW: ReadonlySet<FetchItem['item']> = new Set(['UID', 'FLAGS', 'MODSEQ']);

/** @param condstore modseqs were switched on: FLAGS come with them (RFC 7162 §3.2). */
export function planFetch(args: FetchArguments, byUid: boolean, condstore: boolean): FetchPlan {
  const asked = new Set(args.items.map(({ item }) => item));
  const flags = asked.has('FLAGS');
  // RFC 7162 §3.1.4.1: CHANGEDSINCE asks for MODSEQ too.
  const modseq = asked.has('MODSEQ') || args.changedSince !== undefined || (flags && condstore);
  const items = args.items.filter(({ item }) => !FROM_VIEW.has(item));
  return {
    items,
    uid: byUid || asked.has('UID'),
    flags,
    modseq,
    viewOnly: items.length === 0,
    marksSeen: items.some((item) => 'peek' in item && !item.peek),
    columns: columnsFor(items),
  };
}

export function sectionOf(spec: SectionSpec): Section {
  switch (spec.text) {
    case undefined:
      return { path: spec.part, kind: 'body' };
    case 'TEXT':
      return { path: spec.part, kind: 'text' };
    case 'MIME':
      return { path: spec.part, kind: 'mime' };
    default:
      return { path: spec.part, kind: 'header' };
  }
}

/** The message itself, whole. */
export const isWhole = (section: SectionSpec): boolean => section.part.length === 0 && section.text === undefined;
/** The message's own header, or fields of it: kept in a column of its own. */
export const isRootHeader = (section: SectionSpec): boolean =>
  section.part.length === 0 && section.text?.startsWith('HEADER') === true;

function columnsFor(items: readonly FetchItem[]): Columns {
  const columns: { -readonly [K in keyof Columns]: Columns[K] } = {};
  for (const item of items) {
    switch (item.item) {
      case 'ENVELOPE':
        columns.envelope = true;
        break;
      case 'BODY':
        columns.body = true;
        break;
      case 'BODYSTRUCTURE':
        columns.bodystructure = true;
        break;
      case 'PREVIEW':
        columns.preview = true;
        break;
      case 'SECTION':
      case 'RFC822':
        if (isRootHeader(item.section)) columns.rawHeader = true;
        else {
          columns.content = true;
          if (!isWhole(item.section)) columns.parts = true;
        }
        break;
      case 'BINARY':
      case 'BINARY.SIZE':
        columns.content = true;
        columns.parts = true;
        break;
      default:
        break;
    }
  }
  return columns;
}
