/** Reads of many messages of which some are damaged: those are named, and the rest goes on. A store that can't be read at all is no damage. */
import { MailError } from '#mail/failure.ts';
import type { Columns, MailStore, MessageRow } from '#store/store.ts';
import type { Access, MailboxId, Uid } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';

/** A message that stayed behind. */
export interface Unreadable {
  /** Its mailbox's name. */
  readonly path: string;
  readonly uid: Uid;
  readonly code: string;
  readonly message: string;
}

/** So many are named; all are counted. */
const NAMED = 100;
/** When of so many none can be read, it is not they that are damaged. */
const ALL = 20;

export class UnreadableList {
  readonly #known = new Set<string>();
  readonly first: Unreadable[] = [];

  get count(): number {
    return this.#known.size;
  }

  add(mailbox: MailboxId, one: Unreadable): void {
    if (!this.#known.has(`${mailbox} ${one.uid}`) && this.first.length < NAMED) this.first.push(one);
    this.#known.add(`${mailbox} ${one.uid}`);
  }

  has(mailbox: MailboxId, uid: Uid): boolean {
    return this.#known.has(`${mailbox} ${uid}`);
  }
}

export interface ReadOptions {
  readonly store: MailStore;
  readonly access: Access;
  readonly mailbox: MailboxId;
  /** Ascending. */
  readonly uids: readonly Uid[];
  readonly columns: Columns;
  /** Called for each that can't be read, or is not there any more. */
  readonly failed: (uid: Uid, error: MailError) => void;
}

/** Ascending; placements that went and are still retained are among them. @throws MailError `unavailable` when the store can't be read now. */
export async function* readableRows(options: ReadOptions): AsyncGenerator<readonly MessageRow[]> {
  const { store, access, mailbox, columns, failed } = options;
  const unseen = new Set(options.uids);
  const damaged = new MailError('unavailable', 'the message can not be read');
  let last = 0;
  try {
    const wanted = store.messages(access, mailbox, fromUids(options.uids), columns, { expunged: true });
    for await (const rows of wanted) {
      const known = rows.filter(({ uid }) => unseen.delete(uid));
      last = known.at(-1)?.uid ?? last;
      for (const uid of unseen) {
        if (uid > last) break;
        unseen.delete(uid);
        failed(uid, damaged);
      }
      yield known;
    }
  } catch (error) {
    await passOrThrow(store, access, error);
  }
  // These may only have been behind trouble.
  const broken: Uid[] = [];
  for (const uid of unseen) {
    const row = await alone(options, uid);
    if (row === undefined) broken.push(uid);
    else {
      last = uid;
      yield [row];
    }
  }
  if (last === 0 && broken.length >= ALL) throw new MailError('unavailable', 'messages can not be read just now');
  for (const uid of broken) failed(uid, damaged);
}

async function alone({ store, access, mailbox, columns }: ReadOptions, uid: Uid): Promise<MessageRow | undefined> {
  try {
    for await (const rows of store.messages(access, mailbox, [[uid, uid]], columns, { expunged: true })) {
      const row = rows.find((one) => one.uid === uid);
      if (row !== undefined) return row;
    }
  } catch (error) {
    await passOrThrow(store, access, error);
  }
  return undefined;
}

/** Octets whose first ones can be read; `undefined`, after `failed`, where they can't. */
export async function begun(
  { store, access, failed }: Pick<ReadOptions, 'store' | 'access' | 'failed'>,
  uid: Uid,
  chunks: AsyncGenerator<Uint8Array>,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  let first: IteratorResult<Uint8Array>;
  try {
    first = await chunks.next();
  } catch (error) {
    failed(uid, await passOrThrow(store, access, error));
    return undefined;
  }
  return (async function* () {
    try {
      if (first.done !== true) yield first.value;
      yield* chunks;
    } finally {
      await chunks.return(undefined);
    }
  })();
}

/** Damage says `unavailable` as trouble with the store does: then nothing else of the account could be read either. */
async function passOrThrow(store: MailStore, access: Access, error: unknown): Promise<MailError> {
  if (!(error instanceof MailError) || error.failure !== 'unavailable') throw error;
  await store.accountState(access);
  return error;
}
