/** What a mail client sees across all deaths: no UID, modseq or UIDVALIDITY goes back, and a UID means the same message for ever. */
import assert from 'node:assert/strict';
import type { TestPeer } from '#test/support/system.ts';
import { fetchItems, ImapWire } from '#test/support/wire.ts';
import type { Ledger } from './ledger.ts';
import { pause } from './senders.ts';

const PATIENCE_MS = 600_000;

export class WatchedMailbox {
  readonly #peer: TestPeer;
  readonly #user: string;
  readonly #mailbox: string;
  readonly #ledger: Ledger;
  /** What each UID is: the id of a message, or of a report. */
  readonly known = new Map<number, string>();
  readonly #modseqs = new Map<number, number>();
  #wire: ImapWire | undefined;
  #validity = 0;
  #next = 1;
  #highest = 0;
  /** Of the messages that were seen. STATUS may be ahead of what the session has been told. */
  #highestSeen = 0;

  constructor(peer: TestPeer, user: string, mailbox: string, ledger: Ledger) {
    this.#peer = peer;
    this.#user = user;
    this.#mailbox = mailbox;
    this.#ledger = ledger;
  }

  /** Reads what is new and compares the rest; tries again while the gateway or the MDA is away. */
  async look(whole = false): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        await this.#look(whole);
        return;
      } catch (error) {
        this.close();
        if (error instanceof assert.AssertionError || Date.now() > until) throw error;
        await pause(30);
      }
    }
  }

  /** As the last look found them. */
  get numbers(): { readonly validity: number; readonly next: number; readonly highest: number } {
    return { validity: this.#validity, next: this.#next, highest: this.#highest };
  }

  close(): void {
    this.#wire?.destroy();
    this.#wire = undefined;
  }

  async #look(whole: boolean): Promise<void> {
    this.#wire ??= await this.#open();
    const wire = this.#wire;
    await wire.must('NOOP');
    await this.#numbers(wire);
    const from = whole ? 1 : this.#next;
    for (const response of await wire.must(`UID FETCH ${from}:* (UID MODSEQ BODY.PEEK[])`)) this.#message(response);
  }

  async #open(): Promise<ImapWire> {
    const { host, domain, password } = this.#peer;
    const wire = await ImapWire.open(host, this.#peer.port(143), `${this.#user}@${domain}`, password);
    await wire.must(`SELECT ${this.#mailbox} (CONDSTORE)`);
    return wire;
  }

  async #numbers(wire: ImapWire): Promise<void> {
    const name = this.#mailbox;
    const status = (await wire.must(`STATUS ${name} (UIDNEXT UIDVALIDITY HIGHESTMODSEQ)`)).join(' ');
    const number = (of: string): number => Number(new RegExp(`${of} (\\d+)`).exec(status)?.[1]);
    const [validity, next, highest] = [number('UIDVALIDITY'), number('UIDNEXT'), number('HIGHESTMODSEQ')];
    assert.ok(
      this.#validity === 0 || validity === this.#validity,
      `UIDVALIDITY of ${name} was ${this.#validity}: ${status}`,
    );
    assert.ok(next >= this.#next, `UIDNEXT of ${name} was ${this.#next}: ${status}`);
    assert.ok(highest >= this.#highest, `HIGHESTMODSEQ of ${name} was ${this.#highest}: ${status}`);
    this.#validity = validity;
    this.#highest = highest;
  }

  #message(response: string): void {
    if (!/^\* \d+ FETCH .*BODY\[\]/.test(response.slice(0, 200))) return;
    const items = fetchItems(response);
    const [uid, modseq] = [Number(items.get('UID')), Number(items.get('MODSEQ')?.slice(1, -1))];
    const before = this.#modseqs.get(uid) ?? 0;
    assert.ok(modseq >= before, `modseq of UID ${uid} was ${before}, is ${modseq}`);
    this.#modseqs.set(uid, modseq);
    const source = items.get('BODY[]') ?? '';
    const already = this.known.get(uid);
    if (already !== undefined) {
      assert.ok(
        source.includes(`Subject: ${already}\r\n`),
        `UID ${uid} was ${already} before: ${source.slice(0, 300)}`,
      );
      return;
    }
    assert.ok(uid >= this.#next, `UID ${uid} has turned up below ${this.#next}`);
    assert.ok(modseq > this.#highestSeen, `modseq ${modseq} of UID ${uid} is not above ${this.#highestSeen}`);
    this.#next = uid + 1;
    this.#highestSeen = modseq;
    const report = source.includes('report-type=delivery-status');
    const id = report ? this.#ledger.reported(source) : this.#ledger.found(this.#user, source, Date.now());
    this.known.set(uid, id);
  }
}
