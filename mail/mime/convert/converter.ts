/** Applies a plan to a message as it passes; holds no more than one header. */
import { transferDecoder } from '../decode.ts';
import { type TransferEncoder, transferEncoder } from './encode.ts';
import type { ConversionStep } from './plan.ts';

const NOTHING = new Uint8Array(0);

export class Converter {
  readonly #steps: readonly ConversionStep[];
  #next = 0;
  #at = 0;
  #treatment: TransferEncoder | undefined;

  /** Steps of a plan for this very message. */
  constructor(steps: readonly ConversionStep[]) {
    this.#steps = steps;
  }

  /** The next octets of the message; nothing is left to be said at its end. */
  push(bytes: Uint8Array): Uint8Array {
    const out: Uint8Array[] = [];
    let from = 0;
    while (from < bytes.length) {
      const step = this.#steps[this.#next];
      const left = bytes.length - from;
      const length = Math.min(
        left,
        step === undefined ? left : (this.#at < step.start ? step.start : step.end) - this.#at,
      );
      const piece = bytes.subarray(from, from + length);
      const inside = step !== undefined && this.#at >= step.start;
      if (inside) this.#treatment ??= treatmentOf(step);
      out.push(inside ? (this.#treatment as TransferEncoder).push(piece) : piece);
      from += length;
      this.#at += length;
      if (inside && this.#at === step.end) out.push(this.#endStep(step));
    }
    return out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out);
  }

  #endStep(step: ConversionStep): Uint8Array {
    const end = this.#treatment?.finish(step.act === 'encode' && step.last) ?? NOTHING;
    this.#treatment = undefined;
    this.#next += 1;
    return end;
  }
}

function treatmentOf(step: ConversionStep): TransferEncoder {
  switch (step.act) {
    case 'drop':
      return { push: () => NOTHING, finish: () => NOTHING };
    case 'header':
      return new HeaderRewriter(step.encoding, step.root);
    case 'encode': {
      const decoder = transferDecoder(step.from);
      const encoder = transferEncoder(step.to);
      return {
        push: (bytes) => encoder.push(decoder.push(bytes)),
        finish: (last) => Buffer.concat([encoder.push(decoder.finish()), encoder.finish(last)]),
      };
    }
  }
}

const ENCODING_FIELD = /^content-transfer-encoding[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?/gim;

class HeaderRewriter implements TransferEncoder {
  readonly #encoding: string;
  readonly #root: boolean;
  readonly #pieces: Uint8Array[] = [];

  constructor(encoding: string, root: boolean) {
    this.#encoding = encoding;
    this.#root = root;
  }

  push(bytes: Uint8Array): Uint8Array {
    this.#pieces.push(Buffer.from(bytes));
    return NOTHING;
  }

  /** The new field stands where the old one stood, else at the end; the empty line stays. */
  finish(): Uint8Array {
    const header = Buffer.concat(this.#pieces).toString('latin1');
    const line = `Content-Transfer-Encoding: ${this.#encoding}\r\n`;
    let placed = false;
    let text = header.replace(ENCODING_FIELD, () => {
      const field = placed ? '' : line;
      placed = true;
      return field;
    });
    let added = placed ? '' : line;
    // RFC 2045 §4: without it the encoding means nothing.
    if (this.#root && !/^mime-version[ \t]*:/im.test(text)) added = `MIME-Version: 1.0\r\n${added}`;
    if (added !== '') {
      const end = text.endsWith('\r\n') ? text.length - 2 : text.length;
      text = text.slice(0, end) + added + text.slice(end);
    }
    return Buffer.from(text, 'latin1');
  }
}
