/** Messages from a file (.eml or mbox) into a mailbox. What can't be taken is told, and the rest goes on. */
import { MailError } from '#mail/failure.ts';
import { binary } from '#mail/mbox/encoder.ts';
import { parseStatus } from '#mail/mbox/status.ts';
import type { DateTime } from '#mail/mime/message-index.ts';
import type { Clock, Random } from '#runtime/ambient.ts';
import { newId } from '#store/ids.ts';
import type { CommitAnswer } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, Flags, MailboxId, MessageId, ThreadId, Uid } from '#store/types.ts';
import { withCrlf } from './lines.ts';
import { readMbox } from './mbox.ts';
import { receiveMessage } from './receive.ts';

export interface ImportRooms {
  readonly store: MailStore;
  readonly random: Random;
  readonly clock: Pick<Clock, 'now'>;
  /** Octets of the largest message that is taken (`limits.message-size`). */
  readonly messageSize: number;
}

export interface ImportOptions {
  /** `auto` takes what begins with `From ` as an mbox. */
  readonly format: 'auto' | 'eml' | 'mbox';
  /** Beside those that an mbox carries. */
  readonly flags?: Flags;
  /** When it was received; else what the mbox says, the message's Date, now. */
  readonly internalDate?: DateTime;
  /** The same again, and the same messages, makes no second copies. */
  readonly commitId?: string;
}

export type Imported =
  | {
      readonly ok: true;
      readonly index: number;
      readonly message: MessageId;
      readonly thread: ThreadId;
      readonly uid: Uid;
      readonly size: number;
    }
  | { readonly ok: false; readonly index: number; readonly error: MailError };

/** So many are on their way into the store while the next is read, so that they share its syncs. */
const WINDOW = 16;

/**
 * One answer for each message, in the order of the source. `over-quota` and `no-such-mailbox` end it, since every further message would meet the same.
 * @throws MailError `bad-request` where an mbox is wanted and none comes.
 */
export async function* importMessages(
  rooms: ImportRooms,
  access: Access,
  mailbox: MailboxId,
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): AsyncGenerator<Imported> {
  const commitId = options.commitId ?? newId('commit', rooms.random);
  const pending: Promise<Imported>[] = [];
  let index = 0;
  for await (const message of messagesOf(source, options)) {
    const item = { ...message, index, commitId: `${commitId}:${index}`, mailbox };
    index += 1;
    pending.push((await receiveItem(rooms, access, item)).done);
    if (pending.length < WINDOW) continue;
    const done = await pending.shift()!;
    yield done;
    if (endsAll(done)) break;
  }
  for (const done of await Promise.all(pending)) yield done;
}

const endsAll = (done: Imported): boolean =>
  !done.ok && ['over-quota', 'no-such-mailbox', 'no-such-account'].includes(done.error.failure);

interface Incoming {
  readonly flags: Flags;
  readonly internalDate?: DateTime;
  readonly content: AsyncIterable<Uint8Array>;
}

async function* messagesOf(source: AsyncIterable<Uint8Array>, options: ImportOptions): AsyncGenerator<Incoming> {
  const { head, all } = await peek(source, FROM.length);
  const given = options.flags ?? [];
  const date = options.internalDate === undefined ? {} : { internalDate: options.internalDate };
  const looksLikeMbox = head.toString('latin1') === FROM;
  if (options.format === 'eml' || (options.format === 'auto' && !looksLikeMbox)) {
    yield { flags: given, ...date, content: withHeader(withCrlf(looksLikeMbox ? withoutFirstLine(all) : all)) };
    return;
  }
  for await (const { line, content } of readMbox(all)) {
    const { flags, rest } = await takeStatus(content);
    const received = line.time === undefined ? {} : { internalDate: { time: line.time, zone: 0 } };
    yield { flags: [...new Set([...given, ...flags])], ...received, ...date, content: rest };
  }
}

const FROM = 'From ';
/** As much of a header as is looked at for flags. */
const STATUS_WITHIN = 65_536;

async function takeStatus(
  content: AsyncIterable<Uint8Array>,
): Promise<{ flags: Flags; rest: AsyncIterable<Uint8Array> }> {
  const iterator = content[Symbol.asyncIterator]();
  let text = '';
  let ended = false;
  while (!ended && text.length < STATUS_WITHIN && !/(?:^|\n)\r\n/.test(text)) {
    const next = await iterator.next();
    ended = next.done === true;
    if (next.done !== true) text += binary(next.value);
  }
  const { flags, skip } = parseStatus(text);
  async function* rest(): AsyncGenerator<Uint8Array> {
    if (text.length > skip) yield Buffer.from(text.slice(skip), 'latin1');
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  }
  return { flags, rest: rest() };
}

async function peek(source: AsyncIterable<Uint8Array>, length: number) {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let size = 0;
  while (size < length) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(Buffer.from(next.value));
    size += next.value.length;
  }
  const begun = Buffer.concat(chunks);
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (begun.length > 0) yield begun;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.(undefined);
    }
  }
  return { head: begun.subarray(0, length), all: all() };
}

const FIELD = /(?:^|\n)[\x21-\x39\x3b-\x7e]+[ \t]*:/;
/** As much as is looked at for a field. */
const FIELD_WITHIN = 65_536;

/** Whatever has one header field is a message, for programs have left out every one of them. @throws MailError `bad-request` where there is none. */
async function* withHeader(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const none = (): MailError => new MailError('bad-request', 'This is no message: it begins with no header field');
  let begun: string | undefined = '';
  for await (const chunk of source) {
    if (begun !== undefined) {
      begun += binary(chunk);
      const end: number = begun.startsWith('\r\n') ? 0 : begun.indexOf('\r\n\r\n');
      if (FIELD.test(end < 0 ? begun : begun.slice(0, end))) begun = undefined;
      else if (end >= 0 || begun.length > FIELD_WITHIN) throw none();
    }
    yield chunk;
  }
  if (begun !== undefined) throw none();
}

/** Some programs write the mbox's line before a single message. */
async function* withoutFirstLine(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let found = false;
  for await (const chunk of source) {
    const at = found ? 0 : chunk.indexOf(0x0a) + 1;
    if (!found && at === 0) continue;
    found = true;
    yield chunk.subarray(at);
  }
}

interface Item extends Incoming {
  readonly index: number;
  readonly mailbox: MailboxId;
  readonly commitId: string;
}

/** Waits for the octets, not for the store: the next message may be read then. */
async function receiveItem(rooms: ImportRooms, access: Access, item: Item): Promise<{ done: Promise<Imported> }> {
  const { index, flags, mailbox } = item;
  const { store, random, clock, messageSize } = rooms;
  try {
    const { body, index: parsed } = await receiveMessage(
      { store, random, owner: access.owner, limit: messageSize },
      item.content,
    );
    const internalDate = item.internalDate ?? parsed.headers.date ?? { time: clock.now(), zone: 0 };
    const message = { id: newId('message', random), body, prefix: new Uint8Array(0), index: parsed, internalDate };
    const committed = store
      .commit({
        owner: access.owner,
        actor: access.viewer,
        id: item.commitId,
        mutations: [{ type: 'add-message', mailbox, message, flags }],
      })
      .then((answer) => importedAs(answer, index, body.length));
    // It is awaited later; until then nobody must take it for forgotten.
    committed.catch(() => undefined);
    return { done: committed };
  } catch (error) {
    if (error instanceof MailError && error.failure !== 'unavailable') {
      return { done: Promise.resolve({ ok: false, index, error }) };
    }
    throw error;
  }
}

function importedAs(answer: CommitAnswer, index: number, size: number): Imported {
  if (!answer.ok) return { ok: false, index, error: new MailError(answer.failure, answer.text) };
  const [result] = answer.results;
  if (result?.type !== 'add-message') throw new Error('the store answered something else than was asked');
  return { ok: true, index, message: result.message, thread: result.thread, uid: result.uid, size };
}
