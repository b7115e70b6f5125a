/** What is known about each recipient while a transaction goes on. */
import { isPositive, type Reply, reply } from '#mail/smtp/reply.ts';
import type { RecipientResult, Stage, TransactionResult } from './client-types.ts';

/** The peer closes after this (RFC 5321 §3.8), whatever it answers to. */
export const isClosing = (r: Reply): boolean => r.code === 421;

export class Transaction {
  readonly #results: (RecipientResult | undefined)[] = [];
  /** Recipients that RCPT was positive for and that have no final answer yet, in order. */
  #accepted: number[] = [];

  constructor(recipients: number) {
    for (let i = 0; i < recipients; i++) this.#results.push(undefined);
  }

  get accepted(): readonly number[] {
    return this.#accepted;
  }

  get size(): number {
    return this.#results.length;
  }

  /** The answer to RCPT. */
  rcpt(index: number, answer: Reply): void {
    if (isPositive(answer)) this.#accepted.push(index);
    else this.settle(index, 'rcpt', tooManyRecipients(answer));
  }

  settle(index: number, stage: Stage, answer: Reply): void {
    this.#results[index] ??= { kind: 'reply', stage, reply: answer };
    this.#accepted = this.#accepted.filter((i) => i !== index);
  }

  /** One answer for all that have none yet. */
  settleRest(stage: Stage, answer: Reply): void {
    for (let i = 0; i < this.#results.length; i++) this.#results[i] ??= { kind: 'reply', stage, reply: answer };
    this.#accepted = [];
  }

  loseRest(stage: Stage, error: Error): void {
    for (let i = 0; i < this.#results.length; i++) this.#results[i] ??= { kind: 'lost', stage, error };
    this.#accepted = [];
  }

  /** 421 is the answer for everybody who has none yet (RFC 5321 §3.8). Answers the reply. */
  heard(stage: Stage, answer: Reply): Reply {
    if (isClosing(answer)) this.settleRest(stage, answer);
    return answer;
  }

  result(dsnPassedOn: boolean): TransactionResult {
    return { recipients: this.#results.map((r) => r ?? nothing()), dsnPassedOn };
  }
}

const nothing = (): RecipientResult => {
  return { kind: 'lost', stage: 'final', error: new Error('the transaction ended without an answer') };
};

/** RFC 5321 §4.5.3.1.10: 552 at RCPT means too many recipients and is treated as 452, unless its enhanced code says that a mailbox is meant. */
function tooManyRecipients(answer: Reply): Reply {
  if (answer.code !== 552 || answer.enhanced?.startsWith('2.')) return answer;
  return reply(452, '5.3', ...answer.lines);
}
