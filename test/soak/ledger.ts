/** What was sent to whom, and what was seen where: one entry a message and final recipient. */
import { createHash } from 'node:crypto';

export interface Sent {
  readonly id: string;
  readonly recipients: readonly string[];
  /** SHA-256 of the attachment, in hex. */
  readonly attachment: string | undefined;
  readonly submittedAt: number;
  /** When the 250 was read. */
  answeredAt: number | undefined;
}

export class Ledger {
  readonly sent = new Map<string, Sent>();
  readonly failures: string[] = [];
  readonly #seen = new Map<string, number>();

  expect(id: string, recipients: readonly string[], attachment: Buffer | undefined): Sent {
    const sha = attachment === undefined ? undefined : createHash('sha256').update(attachment).digest('hex');
    const entry: Sent = { id, recipients, attachment: sha, submittedAt: performance.now(), answeredAt: undefined };
    this.sent.set(id, entry);
    return entry;
  }

  /** A client has it on its screen. */
  see(id: string, address: string): void {
    const key = `${id} ${address}`;
    if (this.#seen.has(key)) this.failures.push(`${address} saw ${id} twice under different UIDs`);
    else this.#seen.set(key, performance.now());
  }

  get expected(): number {
    let count = 0;
    for (const { answeredAt, recipients } of this.sent.values())
      if (answeredAt !== undefined) count += recipients.length;
    return count;
  }

  /** Seen, of what was answered with 250. */
  get visible(): number {
    let count = 0;
    for (const entry of this.sent.values()) {
      if (entry.answeredAt !== undefined)
        count += entry.recipients.filter((r) => this.#seen.has(`${entry.id} ${r}`)).length;
    }
    return count;
  }

  /** Milliseconds from the 250 to the sight of it; 0 where the recipient was faster than the sender's socket. */
  latencies(): number[] {
    const all: number[] = [];
    for (const entry of this.sent.values()) {
      for (const recipient of entry.recipients) {
        const seen = this.#seen.get(`${entry.id} ${recipient}`);
        if (seen !== undefined && entry.answeredAt !== undefined) all.push(Math.max(0, seen - entry.answeredAt));
      }
    }
    return all.sort((a, b) => a - b);
  }

  /** Milliseconds from the start of each submission to its 250. */
  answerTimes(): number[] {
    const all = [...this.sent.values()].flatMap((s) =>
      s.answeredAt === undefined ? [] : [s.answeredAt - s.submittedAt],
    );
    return all.sort((a, b) => a - b);
  }
}

/** @param sorted ascending. */
export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
