/** A mail client that keeps its own mailboxes: APPEND, STORE and MOVE, each of which counts once it was answered with OK. */
import assert from 'node:assert/strict';
import { fetchItems, ImapWire } from '#test/support/wire.ts';
import type { Sent } from './ledger.ts';
import { pause, type SenderRooms } from './senders.ts';

const FROM = 'Drafts';
const TO = 'Archive';

export class MailClient {
  readonly #rooms: SenderRooms;
  readonly #user: string;
  readonly #highestUid = new Map<string, number>();
  readonly #flagged = new Set<string>();
  #open: Sent | undefined;

  constructor(rooms: SenderRooms, user: string) {
    this.#rooms = rooms;
    this.#user = user;
  }

  async run(): Promise<void> {
    const { signal, pace, random } = this.#rooms;
    while (!signal.aborted) {
      let wire: ImapWire | undefined;
      try {
        wire = await this.#login();
        await wire.must(`SELECT ${FROM}`);
        while (!signal.aborted) {
          await this.#one(wire);
          await pause(pace * (0.5 + random()));
        }
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        await pause(30);
      } finally {
        wire?.destroy();
      }
    }
  }

  /** All that was answered with OK is there, in one of the two mailboxes, with its flag. */
  async verify(): Promise<void> {
    const wire = await this.#login();
    const flags = new Map<string, string>();
    for (const mailbox of [FROM, TO]) {
      await wire.must(`SELECT ${mailbox}`);
      for (const response of await wire.must('UID FETCH 1:* (FLAGS BODY.PEEK[])')) {
        if (!/^\* \d+ FETCH/.test(response)) continue;
        const items = fetchItems(response);
        const id = this.#rooms.ledger.found(this.#user, items.get('BODY[]') ?? '', Date.now());
        flags.set(id, `${flags.get(id) ?? ''}${items.get('FLAGS')}`);
      }
    }
    await wire.close();
    for (const id of this.#flagged) assert.match(flags.get(id) ?? '', /\\Seen/, `the flag of ${id} is lost`);
  }

  #login(): Promise<ImapWire> {
    const { peer } = this.#rooms;
    return ImapWire.open(peer.host, peer.port(143), `${this.#user}@${peer.domain}`, peer.password);
  }

  async #one(wire: ImapWire): Promise<void> {
    const { ledger, random } = this.#rooms;
    const size = random() < 0.8 ? 2_000 : 40_000;
    this.#open ??= ledger.make('dan', new Map([[this.#user, 'local']]), size);
    const sent = this.#open;
    let answer: string;
    try {
      answer = await wire.append(FROM, Buffer.from(sent.content));
    } catch (error) {
      sent.unsure++;
      throw error;
    }
    if (!answer.startsWith('OK')) {
      // The writer was away for so long that nobody knows whether it is there.
      sent.unsure++;
      return;
    }
    ledger.answered(sent, this.#user, true);
    this.#open = undefined;
    const uid = this.#assigned(FROM, /APPENDUID \d+ (\d+)/.exec(answer)?.[1]);
    if (random() < 0.6) {
      await wire.must(`UID STORE ${uid} +FLAGS.SILENT (\\Seen)`);
      this.#flagged.add(sent.id);
    }
    if (random() < 0.4) {
      const moved = await wire.must(`UID MOVE ${uid} ${TO}`);
      this.#assigned(TO, /COPYUID \d+ \d+ (\d+)/.exec(moved.join(' '))?.[1]);
    }
  }

  /** One client writes there, one command after the other: each UID is above those that it was told before. */
  #assigned(mailbox: string, text: string | undefined): number {
    const uid = Number(text);
    const before = this.#highestUid.get(mailbox) ?? 0;
    assert.ok(uid > before, `${mailbox}: UID ${text} after ${before}`);
    this.#highestUid.set(mailbox, uid);
    return uid;
  }
}
