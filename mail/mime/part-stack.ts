/** The tree of parts while it grows: which parts are open, and what a header or a delimiter does to them. The scanner (`indexer.ts`) tells where. */
import { parameter } from '../header/parameters.ts';
import { Boundaries, type Delimiter, MAX_BOUNDARY } from './boundaries.ts';
import type { IndexLimits } from './limits.ts';
import { contentFields, EMPTY_TEXT, fieldTable, messageFields, NO_FIELDS, type Part } from './part.ts';

const trimRight = (text: string): string => text.replace(/[ \t]{1,100}$/, '');

export class PartStack {
  readonly boundaries = new Boundaries();
  readonly defects = new Set<string>();
  readonly root: Part;
  /** Root first; the last is the part whose bytes are passing. */
  private readonly open: Part[];
  private readonly limits: IndexLimits;
  private count = 1;
  /** Open parts whose lines matter; while it is 0 nobody needs to count. */
  private counting = 0;
  /** LFs so far, as far as anybody counted. */
  lines = 0;

  constructor(limits: IndexLimits) {
    this.limits = limits;
    this.root = newPart(undefined, 0);
    this.open = [this.root];
  }

  get current(): Part {
    return this.open.at(-1) as Part;
  }

  get wantsLines(): boolean {
    return this.counting > 0;
  }

  private get isMessageHeader(): boolean {
    const { parent } = this.current;
    return parent === undefined || parent.kind === 'message';
  }

  /** The header of the current part has been read whole. True when a header follows at once: the embedded message's. */
  headerDone(header: string, bodyStart: number): boolean {
    const part = this.current;
    part.bodyStart = bodyStart;
    const table = fieldTable(header);
    const inDigest = part.parent?.kind === 'multipart' && part.parent.content.type === 'multipart/digest';
    part.content = contentFields(table, inDigest ? 'message/rfc822' : 'text/plain', this.limits);
    if (this.isMessageHeader) part.message = messageFields(table, this.limits);
    this.settleKind(part);
    part.lines = this.lines;
    if (needsLines(part)) this.counting += 1;
    if (part.kind !== 'message') return false;
    if (isIdentity(part.content.encoding)) {
      this.openChild(part, bodyStart);
      return true;
    }
    // RFC 2046 §5.2.1 forbids encoding a message. Its structure can't be given as offsets: it stays closed, with an empty message in it.
    this.defects.add('encoded message');
    return false;
  }

  private settleKind(part: Part): void {
    const { type } = part.content;
    if (type.startsWith('multipart/')) this.settleMultipart(part);
    else if (type === 'message/rfc822' || type === 'message/global') {
      if (this.hasRoom(part)) part.kind = 'message';
      else part.content = { ...part.content, type: 'application/octet-stream' };
    }
  }

  private settleMultipart(part: Part): void {
    const boundary = trimRight(parameter(part.content, 'boundary')?.raw ?? '');
    if (boundary === '' || boundary.length > MAX_BOUNDARY) {
      // No way to find its parts; RFC 2045 §5.2: what can't be understood is shown as text.
      this.defects.add('multipart without boundary');
      part.content = { ...EMPTY_TEXT, disposition: part.content.disposition };
    } else if (!this.hasRoom(part)) {
      part.content = { ...part.content, type: 'application/octet-stream' };
    } else {
      part.kind = 'multipart';
      part.boundary = boundary;
      this.boundaries.add(boundary, part.depth);
    }
  }

  private hasRoom(part: Part): boolean {
    if (part.depth + 1 < this.limits.depth && this.count < this.limits.parts) return true;
    this.defects.add(part.depth + 1 < this.limits.depth ? 'too many parts' : 'too deep');
    return false;
  }

  private openChild(parent: Part, at: number): void {
    const child = newPart(parent, at);
    parent.children.push(child);
    this.open.push(child);
    this.count += 1;
  }

  /**
   * A delimiter stands at `at`, its line goes on at `next`; `lineEnd` octets before `at` belong to it (RFC 2046 §5.1.1: the CRLF
   * before a delimiter is part of it). True when a part's header follows.
   */
  delimiter(found: Delimiter, at: number, next: number, lineEnd: number): boolean {
    this.closeDownTo(found.level + 1, at, lineEnd);
    const multipart = this.current;
    if (found.closing || this.count >= this.limits.parts) {
      if (!found.closing) this.defects.add('too many parts');
      this.dropBoundary(multipart);
      return false;
    }
    this.openChild(multipart, next);
    return true;
  }

  /** The message is over. */
  finish(size: number): void {
    this.closeDownTo(0, size, 0);
  }

  private closeDownTo(level: number, at: number, lineEnd: number): void {
    while (this.open.length > level) {
      const part = this.open.pop() as Part;
      part.bodyEnd = Math.max(part.bodyStart, at - lineEnd);
      if (needsLines(part)) {
        const closedLine = lineEnd > 0 && at - lineEnd >= part.bodyStart ? 1 : 0;
        part.lines = this.lines - part.lines - closedLine;
        this.counting -= 1;
      } else part.lines = 0;
      if (part.boundary !== undefined) {
        this.defects.add('multipart without end');
        this.dropBoundary(part);
      }
      if (part.kind !== 'leaf' && part.children.length === 0) part.children.push(emptyText(part));
    }
  }

  private dropBoundary(part: Part): void {
    if (part.boundary !== undefined) this.boundaries.remove(part.boundary);
    part.boundary = undefined;
  }
}

const needsLines = (part: Part): boolean => part.kind === 'message' || part.content.type.startsWith('text/');

const isIdentity = (encoding: string): boolean => encoding !== 'base64' && encoding !== 'quoted-printable';

function newPart(parent: Part | undefined, headerStart: number): Part {
  return {
    parent,
    depth: parent === undefined ? 0 : parent.depth + 1,
    headerStart,
    bodyStart: headerStart,
    bodyEnd: headerStart,
    lines: 0,
    kind: 'leaf',
    boundary: undefined,
    content: EMPTY_TEXT,
    message: undefined,
    children: [],
  };
}

/** BODYSTRUCTURE has no multipart without parts and no message without a structure: an empty text stands in, where the body ends. */
function emptyText(parent: Part): Part {
  const part = newPart(parent, parent.bodyEnd);
  if (parent.kind === 'message') part.message = NO_FIELDS;
  return part;
}
