/** What was sent, what was answered, and what has been found of it: the invariants of delivery are stated here. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

/** What the far peer does with a recipient. */
export type Fate = 'local' | 'take' | 'later' | 'never' | 'slow';

export interface Sent {
  readonly id: string;
  readonly content: string;
  /** Mailboxes of ours (user names) and recipients far away, each with its fate. */
  readonly to: ReadonlyMap<string, Fate>;
  /** Recipients that were answered with 250, or OK. */
  readonly answered: Set<string>;
  /** Of those, who were said to have it already. */
  readonly stored: Set<string>;
  /** Tries whose answer was never read (RFC 1047): each may have made a copy. */
  unsure: number;
  dropped: boolean;
  /** When each copy came, by recipient. */
  readonly copies: Map<string, number[]>;
  readonly failures: Map<string, number>;
  readonly delays: Map<string, number>;
  /** Recipients of whom a report says that the message was given up, after the time that it may stay in the queue. */
  readonly expired: Set<string>;
}

/** What somebody was told, or has got, about one recipient of a message. */
export interface Word {
  readonly type: 'answered' | 'copy';
  readonly id: string;
  readonly who: string;
}

export class Ledger {
  readonly #name: string;
  readonly #note: (word: Word) => void;
  readonly #sent = new Map<string, Sent>();

  /** `note` hears of each answer and each copy as they come. */
  constructor(name: string, note: (word: Word) => void = () => undefined) {
    this.#name = name;
    this.#note = note;
  }

  answered(sent: Sent, who: string, stored: boolean): void {
    sent.answered.add(who);
    if (stored) sent.stored.add(who);
    this.#note({ type: 'answered', id: sent.id, who });
  }

  get all(): readonly Sent[] {
    return [...this.#sent.values()];
  }

  get(id: string): Sent | undefined {
    return this.#sent.get(id);
  }

  make(from: string, to: ReadonlyMap<string, Fate>, size: number): Sent {
    const id = `${this.#name}-${this.#sent.size}`;
    const content = contentOf(id, from, [...to.keys()][0] ?? '', size);
    const sets = { answered: new Set<string>(), stored: new Set<string>(), expired: new Set<string>() };
    const counts = { copies: new Map(), failures: new Map(), delays: new Map() };
    const sent: Sent = { id, content, to, ...sets, ...counts, unsure: 0, dropped: false };
    this.#sent.set(id, sent);
    return sent;
  }

  /** A copy has turned up: it must be whole, octet for octet. Answers whose it is. */
  found(recipient: string, source: string, at: number): string {
    const id = /^Subject: (\S+)\r$/m.exec(source)?.[1] ?? '';
    const sent = this.#sent.get(id);
    assert.ok(sent !== undefined, `${this.#name}: nobody sent what ${recipient} has: ${source.slice(0, 300)}`);
    assert.ok(sent.to.has(recipient), `${id} was not for ${recipient}`);
    assert.ok(source.endsWith(sent.content), `${id} for ${recipient} is damaged: ${source.length} octets`);
    push(sent.copies, recipient, at);
    this.#note({ type: 'copy', id, who: recipient });
    return id;
  }

  /** A report about one of ours has turned up. */
  reported(source: string): string {
    const id = new RegExp(`^Subject: (${this.#name}-\\d+)\r$`, 'm').exec(source)?.[1] ?? '';
    const sent = this.#sent.get(id);
    assert.ok(sent !== undefined, `a report about nothing: ${source.slice(0, 2000)}`);
    for (const [, recipient = '', action = '', status = ''] of source.matchAll(
      /^Final-Recipient: rfc822; *(\S+)\r\nAction: (\S+)\r\nStatus: (\S+)/gim,
    )) {
      const who = recipient.split('@')[0] as string;
      const counts = action === 'failed' ? sent.failures : sent.delays;
      counts.set(who, (counts.get(who) ?? 0) + 1);
      if (action === 'failed' && status === '4.4.7') sent.expired.add(who);
    }
    return id;
  }
}

function push(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Each line names the message, so that a mixed or cut one is seen. */
function contentOf(id: string, from: string, to: string, size: number): string {
  const head = `Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <${id}@load.test>\r\nFrom: ${from}\r\nTo: ${to}\r\nSubject: ${id}\r\n\r\n`;
  const line = `${id} ${createHash('sha256').update(id).digest('hex')}\r\n`;
  return head + line.repeat(Math.max(1, Math.ceil(size / line.length)));
}
