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

/** What the model expects of a mutation's result: the fields that it can know. */
export type Expected = Readonly<Record<string, unknown>>;

export class Refusal extends Error {}

export class AccountModel {
  modseq = 1;
  readonly mailboxes = new Map<string, ModelMailbox>();

  constructor(inbox: string) {
    this.mailboxes.set(inbox, { name: 'INBOX', uidNext: 1, rows: new Map() });
  }

  /** Throws `Refusal`, and is as before then. */
  apply(commit: Commit): Expected[] {
    const before = structuredClone([...this.mailboxes]);
    this.modseq++;
    try {
      return commit.mutations.map((mutation) => this.#mutate(mutation));
    } catch (error) {
      this.modseq--;
      this.mailboxes.clear();
      for (const [id, mailbox] of before) this.mailboxes.set(id, mailbox);
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
        if (mutation.type === 'move') for (const [uid] of sources) this.#mailbox(mutation.from).rows.delete(uid);
        return { sources: sources.map(([uid]) => uid), targets };
      }
      case 'expunge': {
        const asked = this.#rows(mutation.mailbox, mutation.uids ?? [[1, 2 ** 32 - 1]]);
        const gone = asked.filter(([, row]) => !mutation.onlyDeleted || row.flags.has('\\Deleted'));
        for (const [uid] of gone) this.#mailbox(mutation.mailbox).rows.delete(uid);
        return { expunged: gone.map(([uid]) => uid) };
      }
      case 'create-mailbox':
        this.#free(mutation.name);
        this.mailboxes.set(mutation.id, { name: mutation.name, uidNext: 1, rows: new Map() });
        return { id: mutation.id };
      case 'delete-mailbox':
        if (this.#mailbox(mutation.mailbox).name === 'INBOX') throw new Refusal('INBOX');
        this.mailboxes.delete(mutation.mailbox);
        return {};
      case 'rename-mailbox':
        if (this.#mailbox(mutation.mailbox).name === 'INBOX') throw new Refusal('INBOX');
        this.#free(mutation.name);
        this.#mailbox(mutation.mailbox).name = mutation.name;
        return {};
      default:
        throw new Error(`the model does not know ${mutation.type}`);
    }
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
