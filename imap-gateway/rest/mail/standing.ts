/** How messages stand now: where they are, and which keywords they have. */
import { MailError } from '#mail/failure.ts';
import type { Access, Flags, MailboxId, MessageId, ModSeq, Placed, ThreadId, Uid } from '#store/types.ts';
import { isDeleted, keywordsOfAll } from './keywords.ts';
import { type Mail, withViews } from './mail.ts';
import type { Changing } from './message-json.ts';

export interface Placement {
  readonly mailbox: MailboxId;
  readonly uid: Uid;
  readonly flags: Flags;
  readonly modseq: ModSeq;
}

/** Placements that wait to be expunged don't count (RFC 8621 §4.1.1); at least one is left. */
export interface Standing extends Changing {
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly placements: readonly Placement[];
  /** Moves with every change of where it is and what it is marked with. */
  readonly tag: string;
}

/** Of those of the messages that the account has. */
export async function standings(
  mail: Mail,
  access: Access,
  ids: readonly MessageId[],
): Promise<ReadonlyMap<MessageId, Standing>> {
  return await standingsOf(mail, access, await mail.store.placements(access, ids));
}

/** Throws `no-such-message`. */
export async function standingOf(mail: Mail, access: Access, id: MessageId): Promise<Standing> {
  const standing = (await standings(mail, access, [id])).get(id);
  if (standing === undefined) throw new MailError('no-such-message', 'There is no such message');
  return standing;
}

/** @param placed all placements of each message. */
export async function standingsOf(
  mail: Mail,
  access: Access,
  placed: readonly Placed[],
): Promise<ReadonlyMap<MessageId, Standing>> {
  const mailboxes = [...new Set(placed.map(({ mailbox }) => mailbox))];
  return await withViews(mail, access, mailboxes, async (open) => {
    const views = new Map(open.map(({ view }) => [view.mailbox, view]));
    const found = new Map<MessageId, { thread: ThreadId; placements: Placement[] }>();
    for (const { message, thread, mailbox, uid } of placed) {
      const view = views.get(mailbox);
      const index = view?.indexOf(uid) ?? -1;
      if (view === undefined || index < 0 || isDeleted(view.flagsAt(index))) continue;
      const entry = found.get(message) ?? { thread, placements: [] };
      entry.placements.push({ mailbox, uid, flags: view.flagsAt(index), modseq: view.modseqAt(index) });
      found.set(message, entry);
    }
    return new Map(
      Array.from(found, ([message, { thread, placements }]) => [message, standing(message, thread, placements)]),
    );
  });
}

function standing(message: MessageId, thread: ThreadId, placements: readonly Placement[]): Standing {
  const modseq = Math.max(...placements.map((one) => one.modseq));
  return {
    message,
    thread,
    placements,
    mailboxIds: [...new Set(placements.map(({ mailbox }) => mailbox))].sort(),
    keywords: keywordsOfAll(placements.map(({ flags }) => flags)),
    tag: `W/"${modseq.toString(36)}.${placements.length}"`,
  };
}
