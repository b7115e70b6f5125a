/** An admin at work while all dies: accounts and aliases come and go, queue entries are held, released, tried again and dropped. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { loadConfig } from '#config/load.ts';
import { MailError } from '#mail/failure.ts';
import { createAccount, removeAccount } from '#store/accounts.ts';
import type { AccountSecret } from '#store/directory.ts';
import { openSystem, type System } from '../../../scripts/cli/system.ts';
import { pause, type SenderRooms } from './senders.ts';

/** The machine may be slow, and the program in question die again and again. */
const PATIENCE_MS = 600_000;
/** Nobody logs in with it, so that it needs no computing. */
const SECRET: AccountSecret = {
  argon2: { salt: randomBytes(16), hash: randomBytes(32), memory: 19_456, passes: 2, parallelism: 1 },
  scram: { salt: randomBytes(16), iterations: 4096, storedKey: randomBytes(32), serverKey: randomBytes(32) },
};

export class Admin {
  readonly #rooms: SenderRooms;
  readonly #system: System;
  readonly #accounts = new Set<string>();
  readonly #aliases = new Set<string>();
  #count = 0;

  private constructor(rooms: SenderRooms, system: System) {
    this.#rooms = rooms;
    this.#system = system;
  }

  static async open(rooms: SenderRooms): Promise<Admin> {
    return new Admin(rooms, await openSystem(await loadConfig(rooms.peer.config)));
  }

  close(): Promise<void> {
    return this.#system.close();
  }

  async changeDirectory(): Promise<void> {
    const { peer, signal, pace, random } = this.#rooms;
    while (!signal.aborted) {
      const address = `extra${this.#count++}@${peer.domain}`;
      await again(() => createAccount(this.#system, address, SECRET), ['exists']);
      this.#accounts.add(address);
      const alias = `also-${address}`;
      await again(
        () => this.#system.directory.change({ type: 'add-alias', address: alias, targets: [address] }),
        ['exists'],
      );
      this.#aliases.add(alias);
      if (random() < 0.5) {
        await again(
          () => this.#system.directory.change({ type: 'remove-alias', address: alias }),
          ['no-such-account', 'bad-request'],
        );
        this.#aliases.delete(alias);
        await again(() => removeAccount(this.#system, address), ['no-such-account']);
        this.#accounts.delete(address);
      }
      await pause(pace * 2 * (0.5 + random()));
    }
  }

  async workOnQueue(): Promise<void> {
    const { signal, pace, random, ledger } = this.#rooms;
    const { queue } = this.#system;
    while (!signal.aborted) {
      await pause(pace * (0.5 + random()));
      const entries = await again(() => queue.list({ limit: 50 }), []);
      const entry = entries?.[Math.floor(random() * entries.length)];
      if (entry === undefined) continue;
      const slow = entry.recipients.every(({ address }) => address.localPart === 'slow');
      if (slow && random() < 0.5) {
        const sent = ledger.get(entry.envelopeId ?? '');
        if (sent !== undefined) sent.dropped = true;
        await again(() => queue.act('drop', [entry.id], Date.now()), []);
        continue;
      }
      await again(() => queue.act('hold', [entry.id], Date.now()), []);
      await again(() => queue.act('release', [entry.id], Date.now()), []);
      await again(() => queue.act('retry', [entry.id], Date.now()), []);
    }
  }

  /** Waits until nothing is left in the queue. */
  async drain(patienceMs: number): Promise<void> {
    const { queue } = this.#system;
    const until = Date.now() + patienceMs;
    for (;;) {
      await again(() => queue.act('release', 'all', Date.now()), []);
      const entries = (await again(() => queue.list({ limit: 3 }), [])) ?? [];
      if (entries.length === 0) return;
      assert.ok(Date.now() < until, `still in the queue: ${JSON.stringify(entries)}`);
      await pause(200);
    }
  }

  /** The directory and the shards agree with each other and with what was answered. */
  async verify(): Promise<void> {
    const { directory, store } = this.#system;
    const accounts = await directory.accounts();
    const extra = accounts.filter(({ address }) => address.startsWith('extra'));
    assert.deepEqual(new Set(extra.map(({ address }) => address)), this.#accounts);
    assert.deepEqual(new Set((await directory.aliases()).map(({ address }) => address)), this.#aliases);
    for (const { id, state, address } of accounts) {
      assert.equal(state, 'active', address);
      const { mailboxes } = await store.mailboxes({ owner: id, viewer: id });
      assert.ok(
        mailboxes.some(({ name }) => name === 'INBOX'),
        `${address} has no INBOX`,
      );
    }
  }
}

/** Each step may be repeated: until it is done, or refused because an earlier try had done it. */
async function again<T>(work: () => Promise<T>, done: readonly string[]): Promise<T | undefined> {
  const until = Date.now() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      if (tries > 1 && done.includes(error.failure)) return undefined;
      if (error.failure !== 'unavailable' || Date.now() > until) throw error;
      await pause(50);
    }
  }
}
