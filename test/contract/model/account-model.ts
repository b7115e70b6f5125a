/** One account as simply as it can be said: what the store must come to, whatever its backend does to get there. */
import type { Commit, FlagChange, Mutation } from '#store/mutation.ts';
import type { UidSet } from '#store/types.ts';

export interface ModelRow {
  readonly message: string;
  readonly flags: ReadonlySet<string>;
  readonly modseq: number;
}

export interface ModelMailbox {
  name: string;
  uidNext: number;
  rows: Map<number, ModelRow>;
}

/** Where a message went from last. */
interface Gone {
  readonly mailbox: string;
  name: string;
  readonly flags: ReadonlySet<string>;
  readonly modseq: number;
  /** It went from several places in that commit: which of them counts isn't said. */
  readonly open: boolean;
}

/** What the model expects of a mutation's result: the fields that it can know. */
export type Expected = Readonly<Record<string, unknown>>;

export class Refusal extends Error {}

export class AccountModel {
  modseq = 1;
  readonly mailboxes = new Map<string, ModelMailbox>();
  readonly #gone = new Map<string, Gone>();

  constructor(inbox: string) {
    this.mailboxes.set(inbox, { name: 'INBOX', uidNext: 1, rows: new Map() });
  }

  /** Throws `Refusal`, and is as before then. */
  apply(commit: Commit): Expected[] {
    const before = structuredClone([...this.mailboxes]);
    const gone = structuredClone([...this.#gone]);
    this.modseq++;
    try {
      return commit.mutations.map((mutation) => this.#mutate(mutation));
    } catch (error) {
      this.modseq--;
      this.mailboxes.clear();
      for (const [id, mailbox] of before) this.mailboxes.set(id, mailbox);
      this.#gone.clear();
      for (const [id, one] of gone) this.#gone.set(id, one);
      throw error;
    }
  }

  #mutate(mutation: Mutation): Expected {
    switch (mutation.type) {
      case 'add-message':
        return { uid: this.#place(mutation.mailbox, mutation.message.id, new Set(mutation.flags)) };
      case 'set-flags':
        return this.#setFlags(mutation);
      case 'copy':
      case 'move': {
        const sources = this.#rows(mutation.from, mutation.uids);
        this.#mailbox(mutation.to);
        const targets = sources.map(([, row]) => this.#place(mutation.to, row.message, row.flags));
        if (mutation.type === 'move') for (const [uid] of sources) this.#remove(mutation.from, uid);
        return { sources: sources.map(([uid]) => uid), targets };
      }
      case 'expunge': {
        const asked = this.#rows(mutation.mailbox, mutation.uids ?? [[1, 2 ** 32 - 1]]);
        const gone = asked.filter(([, row]) => !mutation.onlyDeleted || row.flags.has('\\Deleted'));
        for (const [uid] of gone) this.#remove(mutation.mailbox, uid);
        return { expunged: gone.map(([uid]) => uid) };
      }
      case 'create-mailbox':
        this.#free(mutation.name);
        this.mailboxes.set(mutation.id, { name: mutation.name, uidNext: 1, rows: new Map() });
        return { id: mutation.id };
      case 'delete-mailbox':
        if (this.#mailbox(mutation.mailbox).name === 'INBOX') throw new Refusal('INBOX');
        for (const [uid] of this.#rows(mutation.mailbox, [[1, 2 ** 32 - 1]])) this.#remove(mutation.mailbox, uid);
        this.mailboxes.delete(mutation.mailbox);
        return {};
      case 'restore':
        return this.#restore(mutation.messages);
      case 'rename-mailbox':
        if (this.#mailbox(mutation.mailbox).name === 'INBOX') throw new Refusal('INBOX');
        this.#free(mutation.name);
        this.#mailbox(mutation.mailbox).name = mutation.name;
        for (const one of this.#gone.values()) if (one.mailbox === mutation.mailbox) one.name = mutation.name;
        return {};
      default:
        throw new Error(`the model does not know ${mutation.type}`);
    }
  }

  /** Messages that can be brought back and of which all is known. */
  restorable(): string[] {
    const all = [...this.#gone].filter(([message, { open }]) => !open && !this.#isPresent(message));
    return all.map(([message]) => message);
  }

  /** Into the mailbox that it went from, or the one that has its name now. */
  #restore(messages: readonly string[]): Expected {
    for (const message of messages) {
      const { mailbox, name, flags } = this.#gone.get(message)!;
      const home = this.mailboxes.has(mailbox) ? mailbox : this.#named(name);
      if (home === undefined) throw new Refusal('the model makes no mailboxes');
      this.#place(home, message, flags.difference(new Set(['\\Deleted'])));
    }
    return { present: [], missing: [] };
  }

  /** Those of `restorable` that come back into a mailbox that there is. */
  hasHome(message: string): boolean {
    const { mailbox, name } = this.#gone.get(message)!;
    return this.mailboxes.has(mailbox) || this.#named(name) !== undefined;
  }

  #named(name: string): string | undefined {
    return [...this.mailboxes].find(([, mailbox]) => mailbox.name === name)?.[0];
  }

  #isPresent(message: string): boolean {
    return [...this.mailboxes.values()].some(({ rows }) => rows.values().some((row) => row.message === message));
  }

  #remove(id: string, uid: number): void {
    const { rows, name } = this.#mailbox(id);
    const { message, flags } = rows.get(uid)!;
    rows.delete(uid);
    const open = this.#gone.get(message)?.modseq === this.modseq;
    this.#gone.set(message, { mailbox: id, name, flags, modseq: this.modseq, open });
  }

  #setFlags(mutation: Extract<Mutation, { type: 'set-flags' }>): Expected {
    const rows = this.#rows(mutation.mailbox, mutation.uids);
    const limit = mutation.unchangedSince ?? Number.POSITIVE_INFINITY;
    const modified = rows.filter(([, row]) => row.modseq > limit).map(([uid]) => uid);
    const changed: number[] = [];
    for (const [uid, row] of rows) {
      const flags = changeOf(row.flags, mutation.change, mutation.flags);
      if (row.modseq > limit || flags.symmetricDifference(row.flags).size === 0) continue;
      this.#mailbox(mutation.mailbox).rows.set(uid, { ...row, flags, modseq: this.modseq });
      changed.push(uid);
    }
    return { changed, modified };
  }

  #place(id: string, message: string, flags: ReadonlySet<string>): number {
    const mailbox = this.#mailbox(id);
    mailbox.rows.set(mailbox.uidNext, { message, flags, modseq: this.modseq });
    return mailbox.uidNext++;
  }

  #rows(id: string, uids: UidSet): [number, ModelRow][] {
    const all = [...this.#mailbox(id).rows].sort(([a], [b]) => a - b);
    return all.filter(([uid]) => uids.some(([first, last]) => uid >= first && uid <= last));
  }

  #mailbox(id: string): ModelMailbox {
    const mailbox = this.mailboxes.get(id);
    if (mailbox === undefined) throw new Refusal('no such mailbox');
    return mailbox;
  }

  #free(name: string): void {
    if ([...this.mailboxes.values()].some((mailbox) => mailbox.name === name)) throw new Refusal('exists');
  }
}

function changeOf(flags: ReadonlySet<string>, change: FlagChange, given: readonly string[]): Set<string> {
  const set = new Set(given);
  if (change === 'replace') return set;
  return change === 'add' ? new Set(flags).union(set) : new Set(flags).difference(set);
}
