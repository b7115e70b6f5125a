/**
 * From bytes to whole IMAP commands (RFC 9051 §2.2.1, §4.3; RFC 7888; RFC 3516). A command is a list of parts: text, literal,
 * text, … Nothing is interpreted here but the literal marker at the end of a line, so that the grammar only ever sees one complete command.
 *
 * `push` bytes, then call `next` until it answers `undefined`. After a `literal` event the framer waits for a decision:
 * `accept` (buffer it as a part), `stream` (hand it over as `chunk` events, nothing buffered) or `refuse` (drop the command; the octets of a
 * non-synchronizing literal are swallowed, RFC 7888 §4). The caller writes `+ …` for a synchronizing literal that it takes.
 *
 * Invariants: events don't depend on how the bytes were cut into chunks (runs of `chunk` events joined); at most
 * `limits.line` octets of text and `limits.command` octets of buffered literals are held.
 */
import { findLiteralMarker, type LiteralMarker, MARKER_LIMIT } from './literal-marker.ts';

export interface FramerLimits {
  /** Octets of text in one command, all its lines together, without CRLF. */
  readonly line: number;
  /** Octets of one buffered literal. */
  readonly literal: number;
  /** Octets of all buffered literals of one command. */
  readonly command: number;
}

/** RFC 7162 §4 and RFC 2683 §3.2.1.5 want 8,192 at least; clients send huge sets of UIDs. */
export const LIMITS_BEFORE_LOGIN: FramerLimits = { line: 8_192, literal: 4_096, command: 8_192 };
export const LIMITS_AFTER_LOGIN: FramerLimits = { line: 262_144, literal: 65_536, command: 262_144 };

export type CommandPart =
  | { readonly kind: 'text'; readonly bytes: Buffer }
  /** `binary`: a literal8 (RFC 3516 §4.4), the only place where NUL may stand. */
  | { readonly kind: 'literal'; readonly bytes: Buffer; readonly binary: boolean }
  /** Was handed over as chunks. */
  | { readonly kind: 'streamed'; readonly size: number; readonly binary: boolean };

export type FramerEvent =
  /** A whole command. `bareLf`: its last line did not end with CRLF, so it has to be refused. */
  | { readonly type: 'command'; readonly parts: readonly CommandPart[]; readonly bareLf: boolean }
  /** A literal is announced; `parts` is what came before it. `fits`: `accept` is allowed by the limits. */
  | {
      readonly type: 'literal';
      readonly size: number;
      readonly sync: boolean;
      readonly binary: boolean;
      readonly fits: boolean;
      readonly parts: readonly CommandPart[];
    }
  | { readonly type: 'chunk'; readonly bytes: Buffer }
  | { readonly type: 'literal-end' }
  /** More text than `limits.line`; what came up to there, and the rest of the command is swallowed. */
  | { readonly type: 'overflow'; readonly parts: readonly CommandPart[] }
  /** More text than anybody has swallowed for him: nothing follows, the session has to end. */
  | { readonly type: 'endless' };

type State =
  | { readonly name: 'line' }
  | { readonly name: 'decide'; readonly marker: LiteralMarker }
  | { readonly name: 'buffer'; readonly into: Buffer; filled: number; readonly binary: boolean }
  | { readonly name: 'stream'; left: number }
  | { readonly name: 'skip'; left: number }
  | { readonly name: 'skip-line' }
  | { readonly name: 'endless'; told: boolean };

/** Octets of text of a refused command that are read before the session is given up. */
export const SWALLOW_LIMIT = 1_048_576;

const LF = 0x0a;
const CR = 0x0d;
const EMPTY = Buffer.alloc(0);

export class Framer {
  #limits: FramerLimits;
  #state: State = { name: 'line' };
  #input: Buffer = EMPTY;
  #at = 0;
  readonly #queue: Buffer[] = [];
  /** Pieces of the line that is not complete yet. */
  #pieces: Buffer[] = [];
  #parts: CommandPart[] = [];
  #lineOctets = 0;
  #literalOctets = 0;
  /** Text of a refused command that was swallowed so far. */
  #swallowed = 0;

  constructor(limits: FramerLimits) {
    this.#limits = limits;
  }

  setLimits(limits: FramerLimits): void {
    this.#limits = limits;
  }

  /** The bytes are kept, not copied: don't write into them afterwards. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.#at < this.#input.length) this.#queue.push(buffer);
    else {
      this.#input = buffer;
      this.#at = 0;
    }
  }

  /** True when nothing is held: no part of a command, no bytes not looked at. */
  get idle(): boolean {
    return this.#state.name === 'line' && this.#lineOctets === 0 && this.#parts.length === 0 && !this.#more();
  }

  /** Forgets everything that was read, for STARTTLS (RFC 9051 §6.2.1: nothing from before may survive). */
  reset(): void {
    this.#input = EMPTY;
    this.#at = 0;
    this.#queue.length = 0;
    this.#startCommand({ name: 'line' });
  }

  next(): FramerEvent | undefined {
    for (;;) {
      if (this.#state.name === 'decide') return undefined;
      if (this.#state.name === 'stream' && this.#state.left === 0) {
        this.#state = { name: 'line' };
        return { type: 'literal-end' };
      }
      if (this.#state.name === 'buffer' && this.#state.filled === this.#state.into.length) {
        this.#parts.push({ kind: 'literal', bytes: this.#state.into, binary: this.#state.binary });
        this.#state = { name: 'line' };
        continue;
      }
      if (this.#state.name === 'endless') {
        if (this.#state.told) return undefined;
        this.#state.told = true;
        return { type: 'endless' };
      }
      if (!this.#more()) return undefined;
      const event = this.#step(this.#state);
      if (event !== undefined) return event;
    }
  }

  accept(): void {
    const { size, binary } = this.#decide();
    this.#literalOctets += size;
    this.#state = { name: 'buffer', into: Buffer.allocUnsafe(size), filled: 0, binary };
  }

  stream(): void {
    const { size, binary } = this.#decide();
    this.#parts.push({ kind: 'streamed', size, binary });
    this.#state = { name: 'stream', left: size };
  }

  /** The caller answers NO or BAD. A client that waits for `+` sends nothing of the command any more. */
  refuse(): void {
    const { size, sync } = this.#decide();
    this.#startCommand(sync ? { name: 'line' } : { name: 'skip', left: size });
  }

  /** Gives up a command whose literal is being, or was, streamed: what is left of it is swallowed. */
  abandon(): void {
    if (this.#state.name === 'decide') {
      this.refuse();
      return;
    }
    const left = this.#state.name === 'stream' ? this.#state.left : 0;
    this.#startCommand({ name: 'skip', left });
  }

  #decide(): LiteralMarker {
    if (this.#state.name !== 'decide') throw new Error('no literal awaits a decision');
    return this.#state.marker;
  }

  #startCommand(state: State): void {
    this.#state = state;
    this.#pieces = [];
    this.#parts = [];
    this.#lineOctets = 0;
    this.#literalOctets = 0;
  }

  #more(): boolean {
    if (this.#at < this.#input.length) return true;
    const following = this.#queue.shift();
    if (following === undefined) return false;
    this.#input = following;
    this.#at = 0;
    return true;
  }

  #take(limit: number): Buffer {
    const end = Math.min(this.#input.length, this.#at + limit);
    const taken = this.#input.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #step(state: State): FramerEvent | undefined {
    switch (state.name) {
      case 'line':
        return this.#readLine();
      case 'buffer': {
        const bytes = this.#take(state.into.length - state.filled);
        bytes.copy(state.into, state.filled);
        state.filled += bytes.length;
        return undefined;
      }
      case 'stream': {
        const bytes = this.#take(state.left);
        state.left -= bytes.length;
        return { type: 'chunk', bytes };
      }
      case 'skip':
        state.left -= this.#take(state.left).length;
        if (state.left === 0) this.#state = { name: 'skip-line' };
        return undefined;
      default:
        this.#skipLine();
        return undefined;
    }
  }

  #readLine(): FramerEvent | undefined {
    const lf = this.#input.indexOf(LF, this.#at);
    const piece = this.#take(lf < 0 ? Number.POSITIVE_INFINITY : lf + 1 - this.#at);
    this.#pieces.push(piece);
    this.#lineOctets += piece.length;
    // Two octets more than the limit may be the CRLF, which doesn't count.
    if (this.#lineOctets > this.#limits.line + 2) return this.#overflow(lf >= 0);
    if (lf < 0) return undefined;
    const line = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces);
    this.#pieces = [];
    if (line.length < 2 || line[line.length - 2] !== CR) {
      return this.#command(line.subarray(0, line.length - 1), true);
    }
    this.#lineOctets -= 2;
    const text = line.subarray(0, line.length - 2);
    const marker = findLiteralMarker(text);
    return marker === undefined ? this.#command(text, false) : this.#announce(text, marker);
  }

  #command(text: Buffer, bareLf: boolean): FramerEvent {
    const parts: CommandPart[] = [...this.#parts, { kind: 'text', bytes: text }];
    this.#startCommand({ name: 'line' });
    return { type: 'command', parts, bareLf };
  }

  #announce(text: Buffer, marker: LiteralMarker): FramerEvent {
    this.#parts.push({ kind: 'text', bytes: text.subarray(0, marker.start) });
    this.#state = { name: 'decide', marker };
    const { size, sync, binary } = marker;
    const fits = size <= this.#limits.literal && this.#literalOctets + size <= this.#limits.command;
    return { type: 'literal', size, sync, binary, fits, parts: [...this.#parts] };
  }

  #overflow(complete: boolean): FramerEvent {
    const all = Buffer.concat(this.#pieces);
    const before = this.#lineOctets - all.length;
    const text = all.subarray(0, Math.max(0, this.#limits.line - before));
    const parts: CommandPart[] = [...this.#parts, { kind: 'text', bytes: text }];
    this.#swallowed = this.#lineOctets;
    this.#startCommand({ name: 'skip-line' });
    this.#pieces = [all.subarray(-MARKER_LIMIT)];
    if (this.#swallowed > SWALLOW_LIMIT) this.#state = { name: 'endless', told: false };
    else if (complete) this.#endSkippedLine();
    return { type: 'overflow', parts };
  }

  /** Keeps only the end of the line, where a literal marker would stand. */
  #skipLine(): void {
    const lf = this.#input.indexOf(LF, this.#at);
    const piece = this.#take(lf < 0 ? Number.POSITIVE_INFINITY : lf + 1 - this.#at);
    this.#swallowed += piece.length;
    if (this.#swallowed > SWALLOW_LIMIT) {
      this.#startCommand({ name: 'endless', told: false });
      return;
    }
    this.#pieces = [Buffer.concat([...this.#pieces, piece.subarray(-MARKER_LIMIT)]).subarray(-MARKER_LIMIT)];
    if (lf >= 0) this.#endSkippedLine();
  }

  #endSkippedLine(): void {
    const tail = this.#pieces[0] ?? EMPTY;
    const marker = tail.at(-2) === CR ? findLiteralMarker(tail.subarray(0, -2)) : undefined;
    // A synchronizing literal is not sent by a client that has its tagged answer already.
    const swallow = marker !== undefined && !marker.sync;
    this.#startCommand(swallow ? { name: 'skip', left: marker.size } : { name: 'line' });
    if (!swallow) this.#swallowed = 0;
  }
}
