/** The unchanging JSON of messages, kept as text: a list is put together from it. */
import { MailError } from '#mail/failure.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, MailboxId, MessageId, ThreadId, Uid } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import { Lru } from './lru.ts';
import { FRAGMENT_COLUMNS, fragmentOf } from './message-json.ts';

export interface Fragment {
  readonly message: MessageId;
  readonly thread: ThreadId;
  /** When it was received: milliseconds. */
  readonly time: number;
  readonly text: string;
}

export interface Place {
  readonly mailbox: MailboxId;
  readonly uid: Uid;
}

export class FragmentCache {
  readonly #store: MailStore;
  readonly #known: Lru<Fragment>;

  constructor(store: MailStore, bytes: number) {
    this.#store = store;
    this.#known = new Lru(bytes);
  }

  /** In the order of the places; `undefined` for messages that are gone or damaged. */
  async of(access: Access, places: readonly Place[]): Promise<(Fragment | undefined)[]> {
    // A UID of a mailbox never comes back for another message.
    const key = ({ mailbox, uid }: Place): string => `${access.owner} ${mailbox} ${uid}`;
    const found = new Map<string, Fragment>();
    const missing = new Map<MailboxId, Uid[]>();
    for (const place of places) {
      const known = this.#known.get(key(place));
      if (known !== undefined) found.set(key(place), known);
      else missing.set(place.mailbox, [...(missing.get(place.mailbox) ?? []), place.uid]);
    }
    for (const [mailbox, uids] of missing) {
      for await (const row of this.#rows(access, mailbox, uids)) {
        const place = { mailbox, uid: row.uid };
        const text = fragmentOf(row);
        const fragment = { message: row.message, thread: row.thread, time: row.internalDate.time, text };
        found.set(key(place), fragment);
        this.#known.set(key(place), fragment, 200 + text.length);
      }
    }
    return places.map((place) => found.get(key(place)));
  }

  async *#rows(access: Access, mailbox: MailboxId, uids: Uid[]) {
    const set = fromUids(uids.sort((a, b) => a - b));
    try {
      for await (const rows of this.#store.messages(access, mailbox, set, FRAGMENT_COLUMNS)) yield* rows;
    } catch (error) {
      if (!(error instanceof MailError) || error.failure !== 'unavailable') throw error;
    }
  }
}
