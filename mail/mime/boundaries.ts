/** The boundaries of the multiparts that are open (RFC 2046 §5.1.1), and whether a line is a delimiter of one of them. */

/** White space that may follow a boundary (transport padding); a longer line is no delimiter. */
const MAX_PADDING = 256;
/** A longer boundary is none. RFC 2046 allows 70 characters; the world has been seen to use 7,000. */
export const MAX_BOUNDARY = 10_000;

export interface Delimiter {
  /** The place in the stack of open parts of the multipart that it belongs to. */
  readonly level: number;
  readonly closing: boolean;
}

interface Entry {
  readonly level: number;
  /** The entry of an outer multipart with the same boundary, which this one hides. */
  readonly hides: Entry | undefined;
}

export class Boundaries {
  private readonly entries = new Map<string, Entry>();
  /** How many boundaries have each length: most lines that begin with `--` are sorted out by it. */
  private readonly lengths = new Map<number, number>();
  /** Octets within which a delimiter line, its line end included, must lie; 0 while there is no boundary. */
  maxLine = 0;

  get none(): boolean {
    return this.maxLine === 0;
  }

  add(boundary: string, level: number): void {
    this.entries.set(boundary, { level, hides: this.entries.get(boundary) });
    this.lengths.set(boundary.length, (this.lengths.get(boundary.length) ?? 0) + 1);
    this.maxLine = Math.max(this.maxLine, boundary.length + MAX_PADDING + 6);
  }

  remove(boundary: string): void {
    const entry = this.entries.get(boundary);
    if (entry === undefined) return;
    if (entry.hides === undefined) this.entries.delete(boundary);
    else this.entries.set(boundary, entry.hides);
    const left = (this.lengths.get(boundary.length) ?? 1) - 1;
    if (left > 0) this.lengths.set(boundary.length, left);
    else this.lengths.delete(boundary.length);
    if (this.entries.size === 0) this.maxLine = 0;
  }

  /**
   * @param start of a line that begins with `--`; `end` is the place of its LF (or the end of the message).
   * The whole line must be the boundary, so that a boundary that begins another's is not mistaken for it.
   */
  match(bytes: Buffer, start: number, end: number): Delimiter | undefined {
    if (end - start > this.maxLine) return undefined;
    let stop = end;
    while (stop > start + 2 && isPadding(bytes[stop - 1] ?? 0)) stop -= 1;
    const length = stop - start - 2;
    if (length <= 0 || !(this.lengths.has(length) || this.lengths.has(length - 2))) return undefined;
    const line = bytes.toString('latin1', start + 2, stop);
    const open = this.entries.get(line);
    if (open !== undefined) return { level: open.level, closing: false };
    if (!line.endsWith('--')) return undefined;
    const close = this.entries.get(line.slice(0, -2));
    return close === undefined ? undefined : { level: close.level, closing: true };
  }
}

const isPadding = (octet: number): boolean => octet === 0x20 || octet === 0x09 || octet === 0x0d;
