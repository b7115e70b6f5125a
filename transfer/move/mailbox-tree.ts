/** What makes the mailboxes over there those that are here: names, roles, subscriptions. UIDVALIDITY goes with a mailbox when it is made. */
import type { Mailbox } from '#store/types.ts';
import type { MoveChange, MoveState } from './protocol.ts';

interface Tree {
  readonly mailboxes: readonly Mailbox[];
  readonly subscribed: readonly string[];
}

/** @param aside a name that no mailbox has ever had. */
export function treeChanges(
  here: Tree,
  there: Pick<MoveState, 'mailboxes' | 'subscribed'>,
  aside: () => string,
): MoveChange[] {
  const ours = new Map(here.mailboxes.map((mailbox) => [mailbox.id, mailbox]));
  const theirs = new Map(there.mailboxes.map((mailbox) => [mailbox.id, mailbox]));
  const gone = there.mailboxes.filter(({ id }) => !ours.has(id));
  const renamed = here.mailboxes.filter(({ id, name, uidValidity }) => {
    const there = theirs.get(id);
    return there !== undefined && (there.name !== name || there.uidValidity !== uidValidity) && name !== 'INBOX';
  });
  const fresh = here.mailboxes.filter(({ id }) => !theirs.has(id));
  const wrongRole = here.mailboxes.filter(({ id, role, name }) => name !== 'INBOX' && theirs.get(id)?.role !== role);
  return [
    ...gone.map(({ id }): MoveChange => ({ type: 'delete-mailbox', mailbox: id })),
    // Two may have taken one another's names: all step aside first.
    ...renamed.map(({ id }): MoveChange => ({ type: 'rename-mailbox', mailbox: id, name: aside() })),
    ...renamed.map(({ id, name, uidValidity }): MoveChange => {
      return { type: 'rename-mailbox', mailbox: id, name, uidValidity };
    }),
    ...fresh.map(({ id, name, uidValidity }): MoveChange => ({ type: 'create-mailbox', id, name, uidValidity })),
    ...wrongRole
      .filter(({ id }) => theirs.get(id)?.role !== undefined)
      .map(({ id }): MoveChange => ({ type: 'set-role', mailbox: id, role: null })),
    ...wrongRole.flatMap(({ id, role }): MoveChange[] =>
      role === undefined ? [] : [{ type: 'set-role', mailbox: id, role }],
    ),
    ...here.subscribed
      .filter((name) => !there.subscribed.includes(name))
      .map((name): MoveChange => ({ type: 'subscribe', name, subscribed: true })),
    ...there.subscribed
      .filter((name) => !here.subscribed.includes(name))
      .map((name): MoveChange => ({ type: 'subscribe', name, subscribed: false })),
  ];
}
