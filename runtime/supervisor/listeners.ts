/** The listening sockets of a supervisor: all bound or none, and changed on reload without touching those that stay. */
import type { Server, Socket } from 'node:net';
import type { Log } from '../ambient.ts';
import { bind } from './bind.ts';
import type { Identity } from './identity.ts';
import { type Place, placeKey } from './layout.ts';

export type Accepted = (place: Place, socket: Socket) => void;

export class Listeners {
  readonly #bound = new Map<string, { readonly place: Place; readonly server: Server }>();
  readonly #owner: Identity | undefined;
  readonly #accepted: Accepted;
  readonly #log: Log;

  constructor(owner: Identity | undefined, log: Log, accepted: Accepted) {
    this.#owner = owner;
    this.#log = log;
    this.#accepted = accepted;
  }

  get places(): readonly Place[] {
    return [...this.#bound.values()].map(({ place }) => place);
  }

  /** Throws `BindError`, and then nothing new is bound and nothing was closed. */
  async apply(places: readonly Place[]): Promise<void> {
    const wanted = new Map(places.map((place) => [placeKey(place), place]));
    const added: Server[] = [];
    const fresh = new Map<string, { place: Place; server: Server }>();
    try {
      for (const [key, place] of wanted) {
        if (this.#bound.get(key)?.place.name === place.name) continue;
        const server = await bind(place, this.#owner, (socket) => this.#accept(place, socket));
        server.on('error', (error) =>
          this.#log.error({ err: error, listener: place.name }, 'cannot accept connections'),
        );
        added.push(server);
        fresh.set(key, { place, server });
      }
    } catch (error) {
      for (const server of added) server.close();
      throw error;
    }
    this.#close(({ place }) => wanted.get(placeKey(place))?.name !== place.name);
    for (const [key, entry] of fresh) this.#bound.set(key, entry);
  }

  close(which: (place: Place) => boolean): void {
    this.#close(({ place }) => which(place));
  }

  #close(which: (entry: { place: Place }) => boolean): void {
    for (const [key, entry] of this.#bound) {
      if (!which(entry)) continue;
      // Removes the file of a Unix socket, too.
      entry.server.close();
      this.#bound.delete(key);
    }
  }

  #accept(place: Place, socket: Socket): void {
    socket.on('error', (error) =>
      this.#log.debug({ err: error, listener: place.name }, 'connection lost while it waited'),
    );
    this.#accepted(place, socket);
  }
}
