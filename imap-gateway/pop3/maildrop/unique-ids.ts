/**
 * Unique ids (RFC 1939 §7, UIDL): the message's own id, which it keeps for ever, also when it is moved away and back, or restored. COPY can put one message
 * into a mailbox twice; the placement with the least UID then has the bare id, and the others their UID behind it. (An heir gets the bare id when the first
 * goes; what a client makes of that is at worst one more copy of a message that it has.)
 */
import { createHash } from 'node:crypto';
import type { PackedBlock } from '#store/packed.ts';
import type { MailboxId, MessageId, Uid } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import type { MaildropSource } from './source.ts';

/** RFC 1939 §7: one to 70 characters. */
const MOST = 70;

/** Of these UIDs, ascending, in their order. */
export async function uniqueIds(
  source: MaildropSource,
  mailbox: MailboxId,
  uids: Uint32Array,
): Promise<readonly string[]> {
  const ids = await messageIds(source, mailbox, uids);
  const taken = new Set<string>();
  return ids.map((id, i) => {
    const unique = fitting(taken.has(id) ? `${id}.${uids[i]!}` : id);
    taken.add(id);
    return unique;
  });
}

async function messageIds(
  { store, access }: MaildropSource,
  mailbox: MailboxId,
  uids: Uint32Array,
): Promise<MessageId[]> {
  const ids: MessageId[] = Array.from(uids, () => '');
  let at = 0;
  const set = (uid: Uid, id: MessageId): void => {
    while (at < uids.length && uids[at]! < uid) at++;
    if (uids[at] === uid) ids[at] = id;
  };
  const all = fromUids(uids);
  for await (const blocks of store.packed(access, mailbox, all, ['message'])) {
    for (const block of blocks) for (const [uid, id] of idsOf(block)) set(uid, id);
  }
  // What the blocks left out, and what was expunged meanwhile.
  const missing = uids.filter((_, i) => ids[i] === '');
  if (missing.length === 0) return ids;
  at = 0;
  for await (const rows of store.messages(access, mailbox, fromUids(missing), {}, { expunged: true })) {
    for (const { uid, message } of rows) set(uid, message);
  }
  // Gone for good between two reads: there is nothing to retrieve, but a line must stand there.
  return ids.map((id, i) => (id === '' ? `gone.${uids[i]!}` : id));
}

function* idsOf({ head, columns }: PackedBlock): Generator<readonly [Uid, MessageId]> {
  const { bytes, ends } = columns.message!;
  let start = 0;
  for (const [i, uid] of head.uids.entries()) {
    yield [uid, bytes.toString('latin1', start, ends[i])];
    start = ends[i]!;
  }
}

/** Ids may come with an archive, in up to 64 characters. */
function fitting(id: string): string {
  return id.length <= MOST ? id : createHash('sha256').update(id).digest('base64url');
}
