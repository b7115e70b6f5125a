/**
 * Views shared by all sessions of a process. One watcher follows the store's commits; a notice makes the views of that account
 * ask for their delta and tell their listeners. A view that nobody uses is kept for a while, out of date, and caught up when opened.
 *
 * Nothing is missed: a view asks again after every notice that came while it was loading or asking, and the first batch of every
 * watch (whose place in the sequence nobody knew before) makes all views ask.
 */
import { MailError } from '#mail/failure.ts';
import type { Clock, Log } from '#runtime/ambient.ts';
import type { ChangeType, NoticeBatch } from './change.ts';
import type { FlagChange } from './mutation.ts';
import type { MailStore } from './store.ts';
import type { Access, AccountId, Flags, MailboxId, ModSeq, UidSet } from './types.ts';
import { MailboxView, type ViewChange } from './view.ts';

export type ViewListener = (change: ViewChange) => void;
/** `types` is absent when anything may have happened. */
export type AccountListener = (news: { readonly types?: readonly ChangeType[] }) => void;

export interface OpenView {
  readonly view: MailboxView;
  /** Called after each change, in the order of changes, synchronously. Take what you need of `view` and listen in one go: then nothing lies between. */
  listen(listener: ViewListener): void;
  /** Resolves when everything up to `modseq` (without it: everything committed before the call) is in the view and was told. */
  refresh(modseq?: ModSeq): Promise<void>;
  /** Takes in a commit of flags in this mailbox by what it answered (`MailboxView.applyFlags`), so that nothing has to be read; `refresh` after it all the same. */
  tookFlags(modseq: ModSeq, change: FlagChange, flags: Flags, uids: UidSet): void;
  close(): void;
}

export interface ViewCacheOptions {
  readonly store: Pick<MailStore, 'snapshot' | 'delta' | 'watch'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Unused views that are kept. */
  readonly idleViews?: number;
}

const IDLE_VIEWS = 64;
/** Milliseconds before the watch, or a view that could not ask, tries again. */
const RETRY = 250;

interface Entry {
  readonly key: string;
  readonly access: Access;
  readonly mailbox: MailboxId;
  users: number;
  view: MailboxView | undefined;
  readonly listeners: Set<ViewListener>;
  running: Promise<void> | undefined;
  next: Promise<void> | undefined;
}

export class ViewCache {
  readonly #options: ViewCacheOptions;
  /** In the order of last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #accounts = new Map<AccountId, Set<AccountListener>>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  constructor(options: ViewCacheOptions) {
    this.#options = options;
    this.#watching = this.#watch();
  }

  /** Whether the mailbox is in memory, perhaps out of date: `open` needn't read all of it. */
  holds(access: Access, mailbox: MailboxId): boolean {
    return this.#entries.get(keyOf(access, mailbox))?.view !== undefined;
  }

  /** Throws what `MailStore.snapshot` throws. */
  async open(access: Access, mailbox: MailboxId): Promise<OpenView> {
    const key = keyOf(access, mailbox);
    const entry = this.#entries.get(key) ?? {
      key,
      access,
      mailbox,
      users: 0,
      view: undefined,
      listeners: new Set(),
      running: undefined,
      next: undefined,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    try {
      await this.#update(entry);
      if (entry.view === undefined || entry.view.removed) throw new MailError('no-such-mailbox', 'no such mailbox');
    } catch (error) {
      this.#leave(entry);
      throw error;
    }
    return this.#handle(entry, entry.view);
  }

  /** Tells of anything that happens to an account. Answers the function that ends it. */
  watchAccount(owner: AccountId, listener: AccountListener): () => void {
    const listeners = this.#accounts.get(owner) ?? new Set();
    this.#accounts.set(owner, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#accounts.get(owner) === listeners) this.#accounts.delete(owner);
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    const reading = Array.from(this.#entries.values(), async (entry) => await (entry.next ?? entry.running));
    await Promise.allSettled(reading);
    this.#entries.clear();
    this.#accounts.clear();
  }

  #handle(entry: Entry, view: MailboxView): OpenView {
    const mine = new Set<ViewListener>();
    let open = true;
    return {
      view,
      listen(listener) {
        mine.add(listener);
        entry.listeners.add(listener);
      },
      refresh: async (modseq) => {
        if (modseq !== undefined && view.modseq >= modseq) return;
        await this.#update(entry);
      },
      tookFlags: (modseq, change, flags, uids) => {
        const news = view.applyFlags(modseq, change, flags, uids);
        if (news !== undefined && isNews(news)) this.#call(entry.listeners, news);
      },
      close: () => {
        if (!open) return;
        open = false;
        for (const listener of mine) entry.listeners.delete(listener);
        this.#leave(entry);
      },
    };
  }

  #leave(entry: Entry): void {
    entry.users--;
    if (entry.users > 0) return;
    if (entry.view === undefined || entry.view.removed) this.#forget(entry);
    const idle = [...this.#entries.values()].filter((other) => other.users === 0);
    const surplus = idle.length - (this.#options.idleViews ?? IDLE_VIEWS);
    for (const other of idle.slice(0, Math.max(0, surplus))) this.#forget(other);
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  /** Asks for what is new, in a read that begins after this call; calls that wait for the same read share it. */
  #update(entry: Entry): Promise<void> {
    if (entry.next !== undefined) return entry.next;
    if (entry.running === undefined) return this.#run(entry);
    const begin = () => {
      entry.next = undefined;
      return this.#run(entry);
    };
    entry.next = entry.running.then(begin, begin);
    return entry.next;
  }

  #run(entry: Entry): Promise<void> {
    const running = this.#read(entry).finally(() => {
      if (entry.running === running) entry.running = undefined;
    });
    entry.running = running;
    return running;
  }

  async #read(entry: Entry): Promise<void> {
    const { store } = this.#options;
    const { access, mailbox, view } = entry;
    if (view === undefined) {
      entry.view = new MailboxView(await store.snapshot(access, mailbox));
      return;
    }
    if (view.removed) return;
    const delta = await store.delta(access, mailbox, view.modseq).catch((error: unknown) => {
      if (!isGone(error)) throw error;
      return gone(view);
    });
    const change = view.apply(delta);
    if (change.removed) this.#forget(entry);
    if (isNews(change)) this.#call(entry.listeners, change);
  }

  #call<T>(listeners: ReadonlySet<(news: T) => void>, news: T): void {
    // Who begins to listen meanwhile hears of the next change, not of this one.
    for (const listener of Array.from(listeners)) {
      try {
        listener(news);
      } catch (error) {
        // One session's fault must not keep the others from their news.
        this.#options.log.error({ err: error }, 'a view listener failed');
      }
    }
  }

  async #watch(): Promise<void> {
    const { store, log } = this.#options;
    const { signal } = this.#stop;
    let cursor: string | undefined;
    while (!signal.aborted) {
      try {
        let first = cursor === undefined;
        for await (const batch of store.watch(cursor, signal)) {
          this.#news(batch, first || batch.rescan);
          first = false;
          cursor = batch.cursor;
        }
      } catch (error) {
        log.warn({ err: error }, 'the store’s notices broke off');
      }
      await this.#pause();
    }
  }

  #news(batch: NoticeBatch, everything: boolean): void {
    if (this.#entries.size === 0 && this.#accounts.size === 0) return;
    // Most accounts are named once in a batch: nothing is made for them.
    const types = new Map<AccountId, readonly ChangeType[]>();
    for (const notice of batch.notices) {
      const known = types.get(notice.account);
      types.set(notice.account, known === undefined ? notice.types : [...new Set([...known, ...notice.types])]);
    }
    for (const entry of this.#entries.values()) {
      if (entry.users > 0 && (everything || types.has(entry.access.owner))) this.#refreshSoon(entry);
    }
    for (const [owner, listeners] of this.#accounts) {
      const news = everything ? {} : { types: types.get(owner) ?? [] };
      if (everything || types.has(owner)) this.#call(listeners, news);
    }
  }

  #refreshSoon(entry: Entry): void {
    // A failed snapshot is told to the session that opens; a failed delta is asked again until it comes.
    this.#update(entry).catch((error: unknown) => {
      if (entry.view === undefined || entry.users === 0 || this.#stop.signal.aborted) return;
      this.#options.log.warn({ err: error, mailbox: entry.mailbox }, 'a view could not be refreshed');
      this.#options.clock.after(RETRY, () => this.#refreshSoon(entry));
    });
  }

  #pause(): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const cancel = this.#options.clock.after(RETRY, done);
      function done(): void {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

const keyOf = (access: Access, mailbox: MailboxId): string => `${access.owner} ${access.viewer} ${mailbox}`;

const isGone = (error: unknown): boolean =>
  error instanceof MailError && (error.failure === 'no-such-mailbox' || error.failure === 'no-such-account');

/** What a mailbox says that is not even remembered. */
function gone(view: MailboxView) {
  const rows = { uids: new Uint32Array(), modseqs: new Float64Array(), flags: new Uint32Array(), flagSets: [] };
  const { modseq, uidValidity, highestModseq, uidNext } = view;
  return { modseq, uidValidity, highestModseq, uidNext, changed: rows, vanished: [], complete: true, removed: true };
}

function isNews(change: ViewChange): boolean {
  return change.removed || change.added.length + change.flagged.length + change.vanished.length > 0;
}
