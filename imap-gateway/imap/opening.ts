/**
 * Opening a mailbox. SELECT of a large one that nobody has open is answered from a glance at it; its messages are read afterwards, before the next
 * command is looked at, and the session's numbering is made that of the moment of the glance, whatever has happened in between.
 */
import { MailError } from '#mail/failure.ts';
import type { MailboxGlance } from '#store/change.ts';
import type { Access, Mailbox } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import type { CommandContext, ImapServices } from './command.ts';
import { MailboxGone } from './notify.ts';
import type { SelectedMailbox } from './session.ts';
import { View } from './view.ts';

export type Opened = {
  /** For the answer, and what the client counts from. */
  readonly told: MailboxGlance;
} & ({ readonly selected: SelectedMailbox } | { readonly read: () => Promise<SelectedMailbox> });

/** Throws what `ViewCache.open` throws; `read` throws `MailboxGone` alone. */
export async function openMailbox(
  { services }: Pick<CommandContext, 'services'>,
  access: Access,
  mailbox: Mailbox,
  readOnly: boolean,
): Promise<Opened> {
  const { views, store, limits } = services;
  if (mailbox.messages > limits.largeMailbox && !views.holds(access, mailbox.id)) {
    const told = await store.glance(access, mailbox.id);
    const read = async (): Promise<SelectedMailbox> =>
      selectedMailbox(mailbox, await openAsTold(services, access, mailbox, told), readOnly, told);
    return { told, read };
  }
  const view = new View(await views.open(access, mailbox.id));
  const told = glanceAt(view);
  return { told, selected: selectedMailbox(mailbox, view, readOnly, told) };
}

function selectedMailbox(mailbox: Mailbox, view: View, readOnly: boolean, told: MailboxGlance): SelectedMailbox {
  const { id, name } = mailbox;
  const { numbering, uidValidity } = view;
  return { id, name, readOnly, uidValidity, view, numbering, toldKeywords: new Set(told.keywords), saved: [] };
}

function glanceAt(view: View): MailboxGlance {
  const { uidValidity, uidNext, highestModseq, numbering } = view;
  const { modseq } = view.columns;
  const now = { uidValidity, uidNext, highestModseq, modseq, messages: numbering.count, keywords: view.keywords() };
  const unseen = view.firstUnseen();
  return unseen === undefined ? now : { ...now, firstUnseen: numbering.number(unseen) };
}

async function openAsTold(
  { store, views }: ImapServices,
  access: Access,
  mailbox: Mailbox,
  told: MailboxGlance,
): Promise<View> {
  let view: View | undefined;
  try {
    view = new View(await views.open(access, mailbox.id));
    if (view.uidValidity !== told.uidValidity) throw new MailboxGone();
    if (view.highestModseq === told.highestModseq) return view;
    // The view is of a later moment, and may be of a still later one when this has come: what it has told its numbering meanwhile stays.
    const { removed, complete, changed, vanished } = await store.delta(access, mailbox.id, told.modseq);
    if (removed) throw new MailboxGone();
    if (!complete) throw new MailError('unavailable', 'too much has happened since');
    view.numbering.rewind(told.uidNext, { flagged: fromUids(changed.uids), vanished });
    if (view.numbering.count !== told.messages) throw new MailError('unavailable', 'the mailbox is not what it was');
    return view;
  } catch (error) {
    view?.release();
    if (error instanceof MailboxGone) throw error;
    const gone = error instanceof MailError && error.failure === 'no-such-mailbox';
    throw new MailboxGone(gone ? undefined : '[UNAVAILABLE] The selected mailbox can not be read', { cause: error });
  }
}
