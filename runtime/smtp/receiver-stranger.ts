/** Those who speak something else to us: HTTP requests and TLS handshakes that a browser was tricked into sending (ALPACA), with mail in their bodies. */

/** Lines looked at: a request line or a header field would be among the first. */
const LINES = 3;
const REQUEST = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|PRI) \S+ HTTP\/\d/i;
const FIELD = /^(?:host|user-agent|accept|content-length|content-type|connection|origin|referer|cookie)[ \t]*:/i;

export class Stranger {
  #lines = 0;

  /** True when the line shows that no mail client is talking. */
  recognises(line: Buffer): boolean {
    if (this.#lines >= LINES) return false;
    this.#lines += 1;
    const text = line.toString('latin1', 0, 100);
    return REQUEST.test(line.toString('latin1')) || FIELD.test(text);
  }
}
