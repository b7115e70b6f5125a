/**
 * How a message becomes one that a narrower transport takes (RFC 6152 §3, RFC 3030 §3): the leaves that don't fit are encoded, what names an
 * encoding is named anew, text outside of all parts is left out where it doesn't fit. Or why it can't be done. What a signature covers is never touched.
 * A DKIM signature over the body breaks all the same: RFC 6376 §5.3 asks signers to convert before they sign, for that reason.
 */
import { type Decoding, decodingOf } from '../decode.ts';
import type { MessageIndex } from '../message-index.ts';
import type { TransferEncoding } from './encode.ts';
import { type Region, regionsOf } from './regions.ts';
import { type Facts, type Sightings, Survey } from './survey.ts';

export interface Aim {
  /** What the transport carries: 8bit is 8BITMIME's, 7bit is everybody's. */
  readonly domain: '7bit' | '8bit';
  /** Lines of more than 998 octets don't fit: for content that was declared binary. Elsewhere we pass on the lines that we took. */
  readonly lines: boolean;
}

/** Octets [start, end) of the message are treated so; all others stay. */
export type ConversionStep = { readonly start: number; readonly end: number } & (
  | { readonly act: 'header'; readonly encoding: string; readonly root: boolean }
  | { readonly act: 'encode'; readonly from: Decoding; readonly to: TransferEncoding; readonly last: boolean }
  | { readonly act: 'drop' }
);

export type Obstacle =
  /** A multipart/signed (RFC 1847 §2.1). */
  | 'signed'
  /** Header fields can't be encoded in transit. */
  | 'header'
  /** An encoding nobody knows, or a type that RFC 2045 §6.4 allows no encoding for. */
  | 'encoding'
  | 'structure';

export type ConversionPlan =
  | { readonly kind: 'possible'; readonly steps: readonly ConversionStep[] }
  | { readonly kind: 'impossible'; readonly obstacle: Obstacle };

export interface Converting {
  /** The whole message, once more. */
  push(bytes: Uint8Array): void;
  finish(): ConversionPlan;
}

/** Defects of the index with which the parts are not what their headers say. */
const BLINDING: ReadonlySet<string> = new Set([
  'too deep',
  'too many parts',
  'header cut off',
  'multipart without boundary',
]);

/** The message passes a second time, since an encoding has to be named before the octets that decide it. */
export function planConversion(index: MessageIndex, aim: Aim): Converting {
  const regions = regionsOf(index.root, index.size);
  if (regions === undefined || index.defects.some((defect) => BLINDING.has(defect))) {
    return { push: () => undefined, finish: () => impossible('structure') };
  }
  const survey = new Survey(regions);
  return {
    push: (bytes) => survey.push(bytes),
    finish: () => new Planner(regions, survey.facts, aim, index.size).plan(),
  };
}

const impossible = (obstacle: Obstacle): ConversionPlan => ({ kind: 'impossible', obstacle });

/** RFC 6533 §6: unlike other message types these may be encoded. */
const ENCODABLE_MESSAGES = /^message\/global-(?:headers|delivery-status|disposition-notification)$/;

class Planner {
  readonly #regions: readonly Region[];
  readonly #facts: readonly Facts[];
  readonly #aim: Aim;
  readonly #size: number;

  constructor(regions: readonly Region[], facts: readonly Facts[], aim: Aim, size: number) {
    this.#regions = regions;
    this.#facts = facts;
    this.#aim = aim;
    this.#size = size;
  }

  plan(): ConversionPlan {
    const steps: ConversionStep[] = [];
    for (const [i, region] of this.#regions.entries()) {
      const step = this.#step(region, this.#facts[i] as Facts, this.#regions[i + 1], this.#facts[i + 1]);
      if (typeof step === 'string') return impossible(step);
      if (step !== undefined) steps.push(step);
    }
    return { kind: 'possible', steps };
  }

  #step(region: Region, facts: Facts, next: Region | undefined, following: Facts | undefined) {
    const fits = this.#offences(facts).every(({ count }) => count === 0);
    if (!fits && region.signed) return 'signed';
    switch (region.kind) {
      case 'header':
        return fits ? this.#header(region, next, following) : 'header';
      case 'leaf':
        return fits ? undefined : this.#leaf(region, facts);
      case 'preamble':
        return fits ? undefined : this.#drop(region.start, facts.lastLine, facts);
      case 'epilogue':
        return fits ? undefined : this.#dropEpilogue(region, facts);
      default:
        return fits ? undefined : 'structure';
    }
  }

  /** The header of a leaf that is encoded, or of a part that names a domain that is too wide. Nothing is owed where nothing follows. */
  #header(region: Region, next: Region | undefined, following: Facts | undefined): ConversionStep | undefined {
    const { node, start, end } = region;
    if (region.signed || node.bodyStart === node.bodyEnd) return undefined;
    const root = start === 0;
    if (next?.kind === 'leaf' && following !== undefined && this.#offences(following).some(({ count }) => count > 0)) {
      const leaf = this.#leaf(next, following);
      // That it can't be done is said when its turn comes.
      if (typeof leaf === 'string' || leaf.act !== 'encode' || leaf.from === leaf.to) return undefined;
      return { act: 'header', start, end, encoding: leaf.to, root };
    }
    const wide = node.encoding === 'binary' || (node.encoding === '8bit' && this.#aim.domain === '7bit');
    return wide ? { act: 'header', start, end, encoding: this.#aim.domain, root } : undefined;
  }

  #leaf(region: Region, facts: Facts): ConversionStep | Obstacle {
    const { node, start, end } = region;
    const from = decodingOf(node.encoding);
    if (from === undefined) return 'encoding';
    // What is encoded already and doesn't fit all the same is encoded anew: encodings are never nested (RFC 3030 §3).
    const to = from === 'identity' ? choose(node.type, end - start, facts) : from;
    if (from === 'identity' && node.type.startsWith('message/') && !ENCODABLE_MESSAGES.test(node.type))
      return 'encoding';
    return { act: 'encode', start, end, from, to, last: end === this.#size };
  }

  #dropEpilogue(region: Region, facts: Facts): ConversionStep | Obstacle {
    // The line end before the delimiter is the delimiter's, unless the part before it was nothing but a header. No delimiter is as short as a line end.
    const lineEndFirst = facts.firstEnd - region.start <= 2;
    return this.#drop(lineEndFirst ? facts.secondEnd : facts.firstEnd, region.end, facts);
  }

  /** RFC 2046 §5.1.1: what stands outside of the parts is to be ignored. */
  #drop(start: number, end: number, facts: Facts): ConversionStep | Obstacle {
    const all = this.#offences(facts).every(({ count, first, last }) => count === 0 || (first >= start && last < end));
    return all && start < end ? { act: 'drop', start, end } : 'structure';
  }

  #offences({ high, raw, long }: Facts): readonly Sightings[] {
    return [raw, ...(this.#aim.domain === '7bit' ? [high] : []), ...(this.#aim.lines ? [long] : [])];
  }
}

/** Text that is mostly readable stays so; everything else grows least in base64. */
function choose(type: string, size: number, { high, raw, controls }: Facts): TransferEncoding {
  return type.startsWith('text/') && (high.count + raw.count + controls) * 4 <= size ? 'quoted-printable' : 'base64';
}
