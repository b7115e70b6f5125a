/** What the peer announced in its answer to EHLO or LHLO (RFC 5321 §4.1.1.1). */
import type { Reply } from '#mail/smtp/reply.ts';

export class Extensions {
  /** The peer's name for itself: the first word of its answer. */
  readonly name: string;
  readonly #keywords = new Map<string, readonly string[]>();
  readonly #limits = new Map<string, number>();

  constructor(answer: Reply) {
    this.name = answer.lines[0]?.trim().split(/\s+/)[0] ?? '';
    for (const line of answer.lines.slice(1)) {
      // Some servers write the parameter behind `=`, as an old draft had it.
      const [keyword, ...parameters] = line.trim().split(/[\s=]+/);
      if (keyword) this.#keywords.set(keyword.toUpperCase(), parameters);
      if (keyword?.toUpperCase() === 'LIMITS') this.#readLimits(line);
    }
  }

  has(keyword: string): boolean {
    return this.#keywords.has(keyword);
  }

  /** Several transactions may be under way at once: each is one group of commands with its content. */
  get pipelines(): boolean {
    return this.has('PIPELINING') && this.has('CHUNKING');
  }

  get takesBinary(): boolean {
    return this.has('BINARYMIME') && this.has('CHUNKING');
  }

  /** Octets that the peer takes at most (RFC 1870 §4); `undefined` when it names no limit: zero is none. */
  get sizeLimit(): number | undefined {
    const size = Number(this.#keywords.get('SIZE')?.[0]);
    return Number.isSafeInteger(size) && size > 0 ? size : undefined;
  }

  /** SASL mechanisms (RFC 4954 §3), upper case. */
  get mechanisms(): readonly string[] {
    return (this.#keywords.get('AUTH') ?? []).map((name) => name.toUpperCase());
  }

  /** RFC 9422 §4: transactions of a session, recipients of a transaction, domains of recipients of a session; infinite where not told. */
  limit(name: 'MAILMAX' | 'RCPTMAX' | 'RCPTDOMAINMAX'): number {
    return this.#limits.get(name) ?? Number.POSITIVE_INFINITY;
  }

  /** What is malformed is passed over; so is zero, with which nothing could be sent at all. */
  #readLimits(line: string): void {
    for (const [, name = '', value] of line.matchAll(/ ([A-Za-z0-9-]+)=(\d{1,15})(?= |$)/g)) {
      if (Number(value) > 0) this.#limits.set(name.toUpperCase(), Number(value));
    }
  }
}
