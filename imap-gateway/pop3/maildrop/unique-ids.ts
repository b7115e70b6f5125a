/**
 * Unique ids (RFC 1939 §7, UIDL): the message's own id, which it keeps for ever, also when it is moved away and back, or restored. COPY can put one message
 * into a mailbox twice: twins.ts.
 */
import { createHash } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { PackedBlock } from '#store/packed.ts';
import type { Mailbox, MailboxId, MessageId, Uid } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import { commitPatiently } from '../../session/commit.ts';
import type { MaildropSource } from './source.ts';
import { assign, type Given } from './twins.ts';

/** RFC 1939 §7: one to 70 characters. */
const MOST = 70;
/** Of records: what was given to twins, by mailbox. */
const KIND = 'pop3-twins';
/** Other sessions may write the same down. */
const TRIES = 3;

/** Of these UIDs, ascending, in their order. */
export async function uniqueIds(
  source: MaildropSource,
  mailbox: Mailbox,
  uids: Uint32Array,
): Promise<readonly string[]> {
  const messages = await messageIds(source, mailbox.id, uids);
  for (let tries = 1; ; tries++) {
    const record = await source.store.record(source.access, KIND, mailbox.id);
    const { ids, given } = assign(uids, messages, readGiven(record?.value, mailbox));
    if (given === undefined) return ids.map(fitting);
    try {
      await writeDown(source, mailbox, given, record?.modseq);
      return ids.map(fitting);
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      const again = error.failure === 'exists' || error.failure === 'conflict';
      if (again && tries < TRIES) continue;
      // They are unique, and stay as they are unless one of the same message goes before they can be written down.
      source.log.warn({ err: error }, 'unique ids of copies could not be kept');
      return ids.map(fitting);
    }
  }
}

/** UIDs of another UIDVALIDITY are nobody's; the ids are still to be had. */
function readGiven(value: string | undefined, { uidValidity }: Mailbox): Given {
  if (value === undefined) return new Map();
  const [of, entries] = JSON.parse(value) as [number, [MessageId, [Uid, string][]][]];
  if (of === uidValidity) return new Map(entries);
  return new Map(entries.map(([message, given]) => [message, given.map(([, id]) => [0, id])]));
}

async function writeDown(
  { store, access, clock, random }: MaildropSource,
  { id, uidValidity }: Mailbox,
  given: Given,
  ifModseq: number | undefined,
): Promise<void> {
  const value = JSON.stringify([uidValidity, [...given]]);
  const base = { type: 'put-record', kind: KIND, id, value } as const;
  const mutation = ifModseq === undefined ? { ...base, ifAbsent: true } : { ...base, ifModseq };
  const commit = { owner: access.owner, actor: access.viewer, id: newId('commit', random), mutations: [mutation] };
  const answer = await commitPatiently({ store, clock }, commit);
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
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
