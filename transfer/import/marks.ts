/**
 * What has been taken already, as records of the account (kind `import`), each for a block of UIDs of one mailbox there. A block changes in the commit
 * that brings its messages and only if it is still as it was read: so nothing comes twice, whoever is killed when, and however many run at once.
 */
import { createHash } from 'node:crypto';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore, StoredRecord } from '#store/store.ts';
import type { Access, MessageId, ModSeq } from '#store/types.ts';
import type { SourceAddress, SourceMessage } from './source.ts';

/** One message that was taken. */
export interface Mark {
  readonly uid: number;
  readonly message: MessageId;
  /** As they were there when we last looked. */
  readonly flags: readonly string[];
  /** What tells it from others should UIDs lose their meaning. */
  readonly print: string;
  readonly emailId?: string;
}

interface Block {
  readonly marks: readonly Mark[];
  readonly modseq?: ModSeq;
}

type Row = readonly [uid: number, message: string, flags: string, print: string, emailId?: string];

const BLOCK = 64;
const PAGE = 200;

export const MARK_KIND = 'import' as const;

const IMAP = 143;
const IMAPS = 993;

/** Names one mailbox there: how the ids of its records begin. The two standard ports are one server. */
export function markKey({ host, port, user }: SourceAddress, path: string): string {
  const key = JSON.stringify([host.toLowerCase(), port === IMAP ? IMAPS : port, user, path]);
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}

export const blockOf = (uid: number): number => Math.floor(uid / BLOCK);

/** Size and date of a message and its Message-ID: what stays when a server counts its UIDs anew. */
export function printOf(message: Pick<SourceMessage, 'size' | 'time'>, messageId: string): string {
  const id = createHash('sha256').update(messageId.replace(/^<|>$/g, '')).digest('base64url').slice(0, 12);
  return `${message.size}.${Math.floor(message.time / 1000)}.${id}`;
}

export class Marks {
  readonly #key: string;
  readonly #validity: number;
  readonly #blocks = new Map<number, Block>();
  /** Of an earlier UIDVALIDITY. */
  readonly #earlier: StoredRecord[] = [];
  /** Of this UIDVALIDITY, under another name of the server or of the mailbox. */
  readonly #others: StoredRecord[] = [];

  constructor(key: string, validity: number) {
    this.#key = key;
    this.#validity = validity;
  }

  async load(store: MailStore, access: Access): Promise<void> {
    let before: StoredRecord | undefined;
    this.#blocks.clear();
    this.#earlier.length = 0;
    this.#others.length = 0;
    for (;;) {
      const options = { limit: PAGE, ...(before === undefined ? {} : { before }) };
      const page = await store.records(access, MARK_KIND, options);
      for (const record of page) this.#take(record);
      before = page.at(-1);
      if (before === undefined || page.length < PAGE) return;
    }
  }

  /** As the store has it now. */
  async reload(store: MailStore, access: Access, block: number): Promise<void> {
    const record = await store.record(access, MARK_KIND, this.#id(block));
    if (record === undefined) this.#blocks.delete(block);
    else this.#take(record);
  }

  #take(record: StoredRecord): void {
    const [key, validity, block] = record.id.split('-');
    if (key !== this.#key) {
      if (Number(validity) === this.#validity) this.#others.push(record);
    } else if (Number(validity) !== this.#validity) this.#earlier.push(record);
    else this.#blocks.set(Number(block), { marks: parse(record.value), modseq: record.modseq });
  }

  *all(): Generator<Mark> {
    for (const { marks } of this.#blocks.values()) yield* marks;
  }

  has(uid: number): boolean {
    return this.#blocks.get(blockOf(uid))?.marks.some((mark) => mark.uid === uid) ?? false;
  }

  /** What was taken under UIDs that count no more. */
  earlier(): Mark[] {
    return this.#earlier.flatMap(({ value }) => parse(value));
  }

  /** What was taken under the same UIDVALIDITY by another name, and was not by this one: a server has several ports and names. */
  elsewhere(): Mark[] {
    return this.#others.flatMap(({ value }) => parse(value)).filter(({ uid }) => !this.has(uid));
  }

  forgetEarlier(): Mutation[] {
    return this.#earlier.map(({ id, kind }) => ({ type: 'remove-record', kind, id }));
  }

  /** Puts marks into a block, over those of the same UIDs, if the block is as it was read. */
  put(block: number, marks: readonly Mark[]): Mutation {
    const known = this.#blocks.get(block);
    const rows = new Map([...(known?.marks ?? []), ...marks].map((mark) => [mark.uid, mark]));
    const value = JSON.stringify([...rows.values()].sort((a, b) => a.uid - b.uid).map(toRow));
    const condition = known?.modseq === undefined ? { ifAbsent: true } : { ifModseq: known.modseq };
    return { type: 'put-record', kind: MARK_KIND, id: this.#id(block), value, ...condition };
  }

  /** After the commit of that. */
  done(block: number, marks: readonly Mark[], modseq: ModSeq): void {
    const rows = new Map([...(this.#blocks.get(block)?.marks ?? []), ...marks].map((mark) => [mark.uid, mark]));
    this.#blocks.set(block, { marks: [...rows.values()], modseq });
  }

  #id(block: number): string {
    return `${this.#key}-${this.#validity}-${block}`;
  }
}

const toRow = ({ uid, message, flags, print, emailId }: Mark): Row =>
  emailId === undefined ? [uid, message, flags.join(' '), print] : [uid, message, flags.join(' '), print, emailId];

function parse(value: string): Mark[] {
  return (JSON.parse(value) as Row[]).map(([uid, message, flags, print, emailId]) => ({
    uid,
    message,
    flags: flags === '' ? [] : flags.split(' '),
    print,
    ...(emailId === undefined ? {} : { emailId }),
  }));
}
