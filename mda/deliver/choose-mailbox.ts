/** Where in an account a message goes. */
import { MailError } from '#mail/failure.ts';
import { INBOX } from '#store/names.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId, Mailbox, MailboxId } from '#store/types.ts';

/** Ids of INBOX that are remembered: it is never deleted, and renaming it moves its messages, not its id. */
const REMEMBERED = 10_000;

export class MailboxChooser {
  readonly #store: MailStore;
  readonly #inboxes = new Map<AccountId, MailboxId>();

  constructor(store: MailStore) {
    this.#store = store;
  }

  /**
   * The mailbox that a detail names (`user+lists/node` goes to `lists/node`): first by its exact name, then without case, since people type
   * addresses in any case; INBOX when there is none. Nothing is ever created: strangers choose the detail.
   */
  async choose(account: AccountId, detail: string | undefined): Promise<MailboxId> {
    const remembered = this.#inboxes.get(account);
    if (remembered !== undefined && detail === undefined) return remembered;
    const { mailboxes } = await this.#store.mailboxes({ owner: account, viewer: account });
    const inbox = mailboxes.find((mailbox) => mailbox.name === INBOX);
    if (inbox === undefined) throw new MailError('unavailable', 'The account has no INBOX');
    if (this.#inboxes.size >= REMEMBERED) this.#inboxes.clear();
    this.#inboxes.set(account, inbox.id);
    return (detail === undefined ? undefined : named(mailboxes, detail)?.id) ?? inbox.id;
  }

  /** The account turned out not to have what was remembered: it was restored, or removed and made anew. */
  forget(account: AccountId): void {
    this.#inboxes.delete(account);
  }
}

function named(mailboxes: readonly Mailbox[], detail: string): Mailbox | undefined {
  const name = detail.normalize('NFC');
  const folded = name.toLowerCase();
  return (
    mailboxes.find((mailbox) => mailbox.name === name) ??
    mailboxes.find((mailbox) => mailbox.name.toLowerCase() === folded)
  );
}
