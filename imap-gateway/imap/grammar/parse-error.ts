/** A command that breaks the grammar; the answer is a tagged BAD (RFC 9051 §7.1.3). */
export class ParseError extends Error {
  /** Octets from the start of the command; literals count. */
  readonly position: number;

  constructor(message: string, position: number) {
    super(`${message} at octet ${position}`);
    this.name = 'ParseError';
    this.position = position;
  }
}
