/** The MDA as the supervisor knows it: LMTP sessions and held writers, and the order in which they end. */
import type { Socket } from 'node:net';
import type { Config } from '#config/config.ts';
import type { Clock } from '#runtime/ambient.ts';
import type { ListenerName, Program } from '#runtime/service.ts';
import type { LmtpListener } from './lmtp/listener.ts';

/** What `Hosted` needs of a `WriterHolder`. */
export interface Holder {
  readonly listener: ListenerName;
  readonly opened: Promise<void>;
  start(): void;
  accept(socket: Socket): void;
  release(): Promise<void>;
}

export interface HostedRooms {
  readonly lmtp: Pick<LmtpListener, 'accept' | 'configure' | 'drain'>;
  readonly holders: readonly Holder[];
  readonly clock: Clock;
  /** Closes stores, once nobody uses them. */
  readonly close: () => Promise<void>;
}

/** How long a start waits for leases. They are free unless another worker is about to drain, and a worker is ready without them. */
const LEASES_MS = 500;
/** How long messages in hand may still use the writers that this worker holds, before these go to the next holder. */
const GRACE_MS = 2_000;

export class Hosted implements Program {
  readonly #rooms: HostedRooms;

  private constructor(rooms: HostedRooms) {
    this.#rooms = rooms;
  }

  static async start(rooms: HostedRooms): Promise<Hosted> {
    for (const holder of rooms.holders) holder.start();
    await within(rooms.clock, LEASES_MS, Promise.all(rooms.holders.map(({ opened }) => opened)));
    return new Hosted(rooms);
  }

  accept(listener: ListenerName, socket: Socket): void {
    const { lmtp, holders } = this.#rooms;
    if (listener === 'lmtp' || listener === 'lmtp-unix') lmtp.accept(socket);
    else {
      const holder = holders.find((each) => each.listener === listener);
      if (holder === undefined) socket.destroy();
      else holder.accept(socket);
    }
  }

  async reload(config: Config): Promise<void> {
    this.#rooms.lmtp.configure(config);
  }

  /** Sessions first, as far as they end soon; then the leases (STORE.md §2); what still delivers then is a client of the new holders. */
  async drain(deadlineMs: number): Promise<void> {
    const { lmtp, holders, clock, close } = this.#rooms;
    const sessions = lmtp.drain(deadlineMs);
    await within(clock, Math.min(GRACE_MS, deadlineMs / 2), sessions);
    await Promise.all(holders.map((holder) => holder.release()));
    await sessions;
    await close();
  }
}

/** Resolves when the work is done or the time is up. */
function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, resolve);
    work.then(() => resolve(), reject).finally(cancel);
  });
}
