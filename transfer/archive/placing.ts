/**
 * Messages that come from elsewhere, into an account that nobody else writes to: each under the UID that it had. They go in commits of many, in order; the id of a
 * commit says which messages it brings, so that the same again changes nothing.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, MailboxId, ModSeq, NewMessage } from '#store/types.ts';
import type { ImportRooms } from '../import-messages.ts';
import { receiveMessage } from '../receive.ts';
import { withoutVerdicts } from './foreign-results.ts';
import type { MessageFacts } from './message-entry.ts';

/** Goes with every commit, and fails where somebody else was faster. */
export interface Guard {
  mutation(): Mutation;
  done(modseq: ModSeq): void;
}

const MOST_MESSAGES = 100;
const MOST_OCTETS = 1_000_000;

export class Placing {
  readonly #rooms: ImportRooms;
  readonly #access: Access;
  readonly #id: string;
  readonly #name = createHash('sha256');
  readonly #guard: Guard | undefined;
  /** The next UID of each mailbox, as far as we know. */
  readonly #next = new Map<MailboxId, number>();
  #mutations: Mutation[] = [];
  #messages = 0;
  #octets = 0;

  /** @param id of the archive or move: commits are named after it. */
  constructor(rooms: ImportRooms, access: Access, id: string, guard?: Guard) {
    this.#rooms = rooms;
    this.#access = access;
    this.#id = id;
    this.#guard = guard;
  }

  /**
   * @param taken is called when the message is among those of the next commit.
   * @throws MailError `bad-request` where the content is not what the CRC says.
   */
  async add(facts: MessageFacts, content: AsyncIterable<Uint8Array>, taken?: () => void): Promise<void> {
    const { store, random, messageSize } = this.#rooms;
    const split = { prefix: Buffer.alloc(0), crc: 0 };
    const limit = messageSize;
    const options = { store, random, owner: this.#access.owner, limit, archived: true };
    const known = await withoutVerdicts({ content, prefixLength: facts.prefixLength });
    const { body, index } = await receiveMessage(options, withoutPrefix(known.content, known.prefixLength, split));
    if (split.crc !== facts.crc) {
      throw new MailError('bad-request', `the archive is damaged: message ${facts.message} is not what it was`);
    }
    taken?.();
    const { message: id, internalDate } = facts;
    const message = { id, body, prefix: split.prefix, index, internalDate };
    await this.#place(facts, message, 'data' in body ? body.length : 0);
  }

  /** One more place of a message that came before. @throws MailError `bad-request` where it did not. */
  async again(facts: MessageFacts): Promise<void> {
    await this.flush();
    const [known] = await this.#rooms.store.placements(this.#access, [facts.message]);
    if (known === undefined) {
      throw new MailError('bad-request', `the archive is damaged: message ${facts.message} is missing`);
    }
    const { message: id, internalDate } = facts;
    const nothing = new Uint8Array(0);
    const body = { id: newId('body', this.#rooms.random), length: 0, crc: 0, codec: 'identity', key: null } as const;
    const index = indexMessage(nothing);
    await this.#place(facts, { id, body: { ...body, data: nothing }, prefix: nothing, index, internalDate }, 0);
  }

  async #place(facts: MessageFacts, message: NewMessage, octets: number): Promise<void> {
    const { mailbox, uid, flags, thread, savedAt } = facts;
    this.#name.update(`${mailbox} ${uid} ${facts.message}\n`);
    if (this.#next.get(mailbox) !== uid) this.#mutations.push({ type: 'raise-uid-next', mailbox, uidNext: uid });
    this.#mutations.push({ type: 'add-message', mailbox, message, flags, as: { thread, savedAt } });
    this.#next.set(mailbox, uid + 1);
    this.#messages += 1;
    this.#octets += octets;
    if (this.#messages >= MOST_MESSAGES || this.#octets >= MOST_OCTETS) await this.flush();
  }

  /** @throws MailError `conflict` when the guard does not hold. */
  async flush(): Promise<void> {
    if (this.#mutations.length === 0) return;
    const mutations = this.#guard === undefined ? this.#mutations : [this.#guard.mutation(), ...this.#mutations];
    const id = `${this.#id}:${this.#name.copy().digest('base64url')}`;
    this.#mutations = [];
    this.#messages = 0;
    this.#octets = 0;
    const modseq = await commitAll(this.#rooms, this.#access, id, mutations);
    this.#guard?.done(modseq);
  }
}

export async function commitAll(
  { store }: Pick<ImportRooms, 'store'>,
  { owner, viewer }: Access,
  id: string,
  mutations: readonly Mutation[],
): Promise<ModSeq> {
  const answer = await store.commit({ owner, actor: viewer, id, mutations });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
  return answer.modseq;
}

/** Passes the body on, and keeps the prefix and the CRC of both. */
async function* withoutPrefix(
  content: AsyncIterable<Uint8Array>,
  length: number,
  split: { prefix: Buffer; crc: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    split.crc = crc32(chunk, split.crc);
    const missing = length - split.prefix.length;
    if (missing > 0) split.prefix = Buffer.concat([split.prefix, chunk.subarray(0, missing)]);
    if (chunk.length > missing) yield missing > 0 ? chunk.subarray(missing) : chunk;
  }
}
