/**
 * One session's hold on the shared view of a mailbox (store/view-cache.ts), with the numbering that it keeps in step: every change of the view goes
 * into the numbering in the same turn, so that nothing lies between them.
 */
import { keywordsOf } from '#store/flags.ts';
import type { FlagChange } from '#store/mutation.ts';
import type { Flags, ModSeq, Uid, UidSet } from '#store/types.ts';
import { BIT, type MailboxView } from '#store/view.ts';
import type { OpenView } from '#store/view-cache.ts';
import { Numbering } from './numbering.ts';

export interface Placement {
  readonly flags: Flags;
  readonly modseq: ModSeq;
}

export class View {
  /** The shared columns, as they are now: what has vanished is not in them any more, although this session may still count it. */
  readonly columns: MailboxView;
  readonly numbering: Numbering;
  readonly #opened: OpenView;
  readonly #listeners = new Set<() => void>();

  constructor(opened: OpenView) {
    this.#opened = opened;
    this.columns = opened.view;
    this.numbering = new Numbering(opened.view.lendUids());
    opened.listen((change) => {
      this.numbering.apply(change);
      for (const listener of this.#listeners) listener();
    });
  }

  get uidValidity(): number {
    return this.columns.uidValidity;
  }
  get uidNext(): Uid {
    return this.columns.uidNext;
  }
  get highestModseq(): ModSeq {
    return this.columns.highestModseq;
  }
  /** The mailbox is gone. */
  get removed(): boolean {
    return this.columns.removed;
  }

  /** `undefined` for what is not in the mailbox: never was, or has vanished. */
  placement(uid: Uid): Placement | undefined {
    const index = this.columns.indexOf(uid);
    return index < 0 ? undefined : { flags: this.columns.flagsAt(index), modseq: this.columns.modseqAt(index) };
  }

  /** As `placement`, of the modseq alone. */
  modseqOf(uid: Uid): ModSeq | undefined {
    const index = this.columns.indexOf(uid);
    return index < 0 ? undefined : this.columns.modseqAt(index);
  }

  /** Every placement from `first` to `last` that exists, ascending, without an object for each. The view must not change meanwhile: no await in `visit`. */
  scan(first: Uid, last: Uid, visit: (uid: Uid, flags: Flags, modseq: ModSeq) => void): void {
    const { columns } = this;
    for (let i = columns.lowerBound(first); i < columns.length; i++) {
      const uid = columns.uidAt(i);
      if (uid > last) return;
      visit(uid, columns.flagsAt(i), columns.modseqAt(i));
    }
  }

  /** The first placement without \Seen. */
  firstUnseen(): Uid | undefined {
    for (let i = 0; i < this.columns.length; i++) {
      if ((this.columns.bitsAt(i) & BIT.seen) === 0) return this.columns.uidAt(i);
    }
    return undefined;
  }

  /** The keywords in use, in the order in which they occurred; some may be in use no more. */
  keywords(): Flags {
    return keywordsOf(this.columns.flagSets());
  }

  /** Reads what was committed up to `modseq`, or up to now. */
  sync(modseq?: ModSeq): Promise<void> {
    return this.#opened.refresh(modseq);
  }

  /** A commit of flags in this mailbox has answered so. */
  tookFlags(modseq: ModSeq, change: FlagChange, flags: Flags, uids: UidSet): void {
    this.#opened.tookFlags(modseq, change, flags, uids);
  }

  /** Calls back after each change; the returned function ends it. */
  onNews(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  release(): void {
    this.#opened.close();
  }
}
