/** An answer that is no JSON: bytes, text or a stream, with its media type. */
export interface ContentOptions {
  /** `message/rfc822`, `text/html; charset=utf-8`. */
  readonly type: string;
  /** A stream is read at the pace of the client, and ended (`return()`) when it goes away. It is not read at all for HEAD. */
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array | string>;
  /** Octets of a stream, where it is known. */
  readonly length?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Content {
  readonly options: ContentOptions;

  constructor(options: ContentOptions) {
    this.options = options;
  }
}
