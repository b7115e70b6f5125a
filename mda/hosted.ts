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
  assign(wanted: boolean): void;
  accept(socket: Socket): void;
  release(): Promise<void>;
}

export interface HostedRooms {
  readonly lmtp: Pick<LmtpListener, 'accept' | 'configure' | 'drain'>;
  readonly holders: readonly Holder[];
  readonly clock: Clock;
  /** Those of the leases that this worker is to hold from the start. */
  readonly assigned: readonly ListenerName[];
  /** Closes stores, once nobody uses them. */
  readonly close: () => Promise<void>;
}

/** How long a start waits for leases. They are free unless another worker is about to drain, and a worker is ready without them. */
const LEASES_MS = 500;
/** How long messages in hand may still use the writers that this worker holds, before these go to the next holder. */
const GRACE_MS = 2_000;

export class Hosted implements Program {
  readonly #rooms: HostedRooms;
  #closed: Promise<void> | undefined;

  private constructor(rooms: HostedRooms) {
    this.#rooms = rooms;
  }

  static async start(rooms: HostedRooms): Promise<Hosted> {
    const hosted = new Hosted(rooms);
    hosted.assign(rooms.assigned);
    const wanted = rooms.holders.filter(({ listener }) => rooms.assigned.includes(listener));
    await within(rooms.clock, LEASES_MS, Promise.all(wanted.map(({ opened }) => opened)));
    return hosted;
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

  assign(listeners: readonly ListenerName[]): void {
    for (const holder of this.#rooms.holders) holder.assign(listeners.includes(holder.listener));
  }

  async reload(config: Config): Promise<void> {
    this.#rooms.lmtp.configure(config);
  }

  /**
   * Leases go first when another worker waits for them, else after the sessions that end soon (STORE.md §2); what still delivers then is a client of
   * the new holders.
   */
  async drain(deadlineMs: number, replaced: boolean): Promise<void> {
    const { lmtp, holders, clock, close } = this.#rooms;
    const sessions = lmtp.drain(deadlineMs);
    if (!replaced) await within(clock, Math.min(GRACE_MS, deadlineMs / 2), sessions);
    await Promise.all(holders.map((holder) => holder.release()));
    await sessions;
    this.#closed ??= close();
    await this.#closed;
  }
}

/** Resolves when the work is done or the time is up. */
function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, resolve);
    work.then(() => resolve(), reject).finally(cancel);
  });
}
