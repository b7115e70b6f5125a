/** How far an import is, as it is shown, kept and answered. */
export interface MailboxProgress {
  /** Theirs and ours. */
  readonly path: string;
  readonly mailbox: string;
  /** Messages there. */
  total: number;
  /** Looked at so far. */
  seen: number;
  copied: number;
  /** Flags followed. */
  changed: number;
  failed: number;
  done: boolean;
}

export interface ImportFailure {
  readonly path: string;
  readonly uid: number;
  readonly code: string;
  readonly message: string;
}

export interface ImportProgress {
  readonly mailboxes: readonly MailboxProgress[];
  readonly copied: number;
  readonly changed: number;
  readonly failed: number;
  readonly octets: number;
  /** The first of those that could not be taken. */
  readonly failures: readonly ImportFailure[];
}

const SHOWN = 100;

export class Tally {
  readonly #mailboxes: MailboxProgress[] = [];
  readonly #failures: ImportFailure[] = [];
  readonly #report: (progress: ImportProgress) => void;
  #octets = 0;
  /** Of attempts before this one. */
  readonly #before = { copied: 0, changed: 0 };

  constructor(report: (progress: ImportProgress) => void) {
    this.#report = report;
  }

  /** The next attempt begins: mailboxes are gone through again. What could not be taken will be tried again too. */
  again(): void {
    const { copied, changed } = this.progress();
    this.#before.copied = copied;
    this.#before.changed = changed;
    this.#mailboxes.length = 0;
    this.#failures.length = 0;
  }

  mailbox(path: string, mailbox: string): MailboxProgress {
    const one = { path, mailbox, total: 0, seen: 0, copied: 0, changed: 0, failed: 0, done: false };
    this.#mailboxes.push(one);
    return one;
  }

  copied(mailbox: MailboxProgress, messages: number, octets: number): void {
    mailbox.copied += messages;
    mailbox.seen += messages;
    this.#octets += octets;
    this.tell();
  }

  failed(mailbox: MailboxProgress, uid: number, code: string, message: string): void {
    mailbox.failed += 1;
    mailbox.seen += 1;
    if (this.#failures.length < SHOWN) this.#failures.push({ path: mailbox.path, uid, code, message });
    this.tell();
  }

  tell(): void {
    this.#report(this.progress());
  }

  progress(): ImportProgress {
    const sum = (key: 'copied' | 'changed' | 'failed'): number =>
      this.#mailboxes.reduce((total, one) => total + one[key], 0);
    return {
      mailboxes: this.#mailboxes.map((one) => ({ ...one })),
      copied: this.#before.copied + sum('copied'),
      changed: this.#before.changed + sum('changed'),
      failed: sum('failed'),
      octets: this.#octets,
      failures: [...this.#failures],
    };
  }
}
