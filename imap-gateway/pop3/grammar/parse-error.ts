/** What a client sent is no command of this protocol; answered with -ERR, and counted. */
export class ParseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ParseError';
  }
}
