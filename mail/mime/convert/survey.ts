/** One pass over a message whose structure is known: what in each region a narrower transport would not take. Memory: a few numbers a region. */
import type { Region } from './regions.ts';

/** Where something is, if it is at all. */
export interface Sightings {
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

export interface Facts {
  /** Octets above 127. */
  readonly high: Sightings;
  /** NUL, CR without LF, LF without CR: what only `binary` may hold (RFC 2045 §2.8, §2.9). */
  readonly raw: Sightings;
  /** Lines of more than 998 octets (§2.7). */
  readonly long: Sightings;
  /** Control characters and DEL, line ends not counted: with `high` what quoted-printable has to encode. */
  readonly controls: number;
  /** Where its last line begins, and where its first and its second line end (behind LF), or the region's end. */
  readonly lastLine: number;
  readonly firstEnd: number;
  readonly secondEnd: number;
}

const LINE = 998;
const LF = 0x0a;
const CR = 0x0d;

class Tally implements Sightings {
  count = 0;
  first = Number.POSITIVE_INFINITY;
  last = -1;

  see(at: number): void {
    this.count += 1;
    if (at < this.first) this.first = at;
    this.last = at;
  }
}

export class Survey {
  readonly facts: readonly Facts[];
  readonly #tallies: RegionTally[];
  #current = 0;
  #at = 0;

  constructor(regions: readonly Region[]) {
    this.#tallies = regions.map((region) => new RegionTally(region));
    this.facts = this.#tallies;
  }

  push(bytes: Uint8Array): void {
    const base = this.#at;
    const end = base + bytes.length;
    for (let tally = this.#tallies[this.#current]; tally !== undefined; tally = this.#tallies[this.#current]) {
      const from = Math.max(base, tally.start);
      const to = Math.min(end, tally.end);
      if (from < to) tally.pass(bytes, base, from, to);
      if (tally.end > end) break;
      tally.close();
      this.#current += 1;
    }
    this.#at = end;
  }
}

class RegionTally implements Facts {
  readonly high = new Tally();
  readonly raw = new Tally();
  readonly long = new Tally();
  controls = 0;
  lastLine: number;
  firstEnd: number;
  secondEnd: number;
  readonly start: number;
  readonly end: number;
  #lines = 0;
  #lineStart: number;
  #cr = false;

  constructor({ start, end }: Region) {
    this.start = start;
    this.end = end;
    this.lastLine = start;
    this.firstEnd = end;
    this.secondEnd = end;
    this.#lineStart = start;
  }

  /** Octets [from, to) of the message, which stand in `bytes` from `base` on. */
  pass(bytes: Uint8Array, base: number, from: number, to: number): void {
    for (let at = from; at < to; at += 1) {
      const octet = bytes[at - base] as number;
      if (octet === LF) {
        if (!this.#cr) this.raw.see(at);
        this.#cr = false;
        this.#endLine(at);
        continue;
      }
      if (this.#cr) this.raw.see(at - 1);
      this.#cr = octet === CR;
      if (octet >= 0x20 && octet < 0x7f) continue;
      if (octet > 0x7f) this.high.see(at);
      else if (octet === 0) this.raw.see(at);
      else if (octet !== CR && octet !== 0x09) this.controls += 1;
    }
    if (to === this.end) return;
    // A line that goes on and on is long long before it ends.
    if (to - this.#lineStart > LINE + 2) this.long.see(to - 1);
  }

  close(): void {
    if (this.#cr) this.raw.see(this.end - 1);
    if (this.end - this.#lineStart > LINE) this.long.see(this.end - 1);
  }

  #endLine(at: number): void {
    if (at - this.#lineStart - 1 > LINE) this.long.see(at);
    this.#lineStart = at + 1;
    if (at + 1 < this.end) this.lastLine = at + 1;
    this.#lines += 1;
    if (this.#lines === 1) this.firstEnd = at + 1;
    else if (this.#lines === 2) this.secondEnd = at + 1;
  }
}
