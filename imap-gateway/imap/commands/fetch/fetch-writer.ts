/**
 * Writes FETCH responses: small pieces are collected and sent in chunks, long octet strings pass through with back-pressure. A response
 * that has begun can't be taken back: if octets fail to come inside a literal, the connection is closed, for nothing else would be true.
 */
import { ConnectionClosed } from '#runtime/connection.ts';
import type { Output } from '../../../session/output.ts';
import { type Mark, ResponseBuffer } from '../../response/response-buffer.ts';

const CHUNK = 65_536;

export class FetchWriter {
  readonly #out: Output;
  readonly #buffer = new ResponseBuffer();
  #first = true;
  /** Where the response in hand began; undefined once a part of it was sent. */
  #begun: Mark | undefined;

  constructor(out: Output) {
    this.#out = out;
  }

  begin(number: number): void {
    this.#begun = this.#buffer.mark();
    this.#buffer.ascii(`* ${number} FETCH (`);
    this.#first = true;
  }

  end(): void {
    this.#buffer.ascii(')\r\n');
  }

  /** Takes the response in hand back because of an error, and throws that, or `ConnectionClosed` if a part of it is gone. */
  abandon(error: unknown): never {
    if (error instanceof ConnectionClosed) throw error;
    if (this.#begun === undefined) throw new ConnectionClosed('error', { cause: error });
    this.#buffer.rewind(this.#begun);
    throw error;
  }

  /** A whole response in one go. */
  message(number: number, items: string): void {
    this.#buffer.ascii(`* ${number} FETCH (${items})\r\n`);
  }

  /** One data item: a name and what it is worth, US-ASCII. */
  item(text: string): void {
    this.#buffer.ascii(this.#first ? text : ` ${text}`);
    this.#first = false;
  }

  /** A data item of octets that are finished already, parentheses and all (ENVELOPE, BODYSTRUCTURE). */
  finished(name: string, bytes: Uint8Array): void {
    this.item(`${name} `);
    this.#buffer.bytes(bytes);
  }

  /** Empty strings are quoted: clients of iOS wait for more behind `{0}`. */
  octets(name: string, bytes: Uint8Array, literal8 = false): void {
    if (bytes.length === 0) {
      this.item(`${name} ""`);
      return;
    }
    this.item(`${name} ${literalHead(bytes.length, literal8)}`);
    this.#buffer.bytes(bytes);
  }

  /** As `octets`, of exactly `size` octets that come in chunks. The first is awaited before anything is promised. */
  async stream(name: string, size: number, chunks: AsyncIterable<Uint8Array>, literal8 = false): Promise<void> {
    if (size === 0) {
      this.octets(name, new Uint8Array(0));
      return;
    }
    const iterator = chunks[Symbol.asyncIterator]();
    let chunk = await iterator.next();
    this.item(`${name} ${literalHead(size, literal8)}`);
    this.#begun = undefined;
    this.send();
    let left = size;
    try {
      for (; chunk.done !== true; chunk = await iterator.next()) {
        left -= chunk.value.length;
        if (left < 0) break;
        this.#out.write(chunk.value);
        if (this.#out.full) await this.#out.ready();
      }
    } finally {
      await iterator.return?.();
    }
    if (left !== 0) throw new Error(`${left} octets are missing of ${name}`);
  }

  /** Hands what was collected to the output. */
  send(): void {
    for (const chunk of this.#buffer.take()) this.#out.write(chunk);
  }

  /** Between messages: sends when there is a good deal; answers a promise where a slow client has to be waited for. */
  pace(): Promise<void> | undefined {
    if (this.#buffer.length >= CHUNK) this.send();
    return this.#out.full ? this.#out.ready() : undefined;
  }
}

const literalHead = (size: number, literal8: boolean): string => `${literal8 ? '~' : ''}{${size}}\r\n`;
