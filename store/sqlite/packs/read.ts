/** Packed blocks of messages (store/packed.ts): those that the writer has made, and made on the spot where there is none yet. */
import { crc32 } from 'node:zlib';
import type { Log } from '#runtime/ambient.ts';
import { blocksOf, type PackedColumn, packedFrom, packRows, uidsOfBlock } from '../../packed.ts';
import type { MessageRow } from '../../store.ts';
import type { Access, MailboxId, UidSet } from '../../types.ts';
import type { ArrayRow, Database } from '../database.ts';
import type { FoundMailbox } from '../read/account.ts';
import { unpackRows } from '../read/message-rows.ts';
import type { MessageReader } from '../read/messages.ts';
import { findPlace } from '../read/place.ts';

export interface PackRequest {
  readonly mailbox: MailboxId;
  readonly uids: UidSet;
  readonly columns: readonly PackedColumn[];
}

/** For each block its head and then its columns in the order asked for. */
export interface PackBatch {
  readonly packs: readonly Uint8Array[];
  readonly rest: UidSet;
}

const BATCH_BYTES = 1024 * 1024;

const PACK = 'SELECT crc, bytes FROM packs WHERE account = ? AND mailbox = ? AND block = ? AND kind = ?';

export class PackReader {
  readonly #db: Database;
  readonly #messages: MessageReader;
  readonly #log: Log;

  constructor(db: Database, messages: MessageReader, log: Log) {
    this.#db = db;
    this.#messages = messages;
    this.#log = log;
  }

  batch(access: Access, request: PackRequest): PackBatch {
    const { account, mailbox } = findPlace(this.#db, access, request.mailbox);
    const blocks = blocksOf(clip(request.uids, mailbox.uidNext - 1));
    const packs: Uint8Array[] = [];
    let bytes = 0;
    let done = 0;
    for (; done < blocks.length && bytes < BATCH_BYTES; done++) {
      const block = blocks[done]!;
      const kept = this.#kept(account, mailbox, block, request.columns) ?? this.#made(access, request, block);
      for (const pack of kept) bytes += pack.length;
      packs.push(...kept);
    }
    const next = blocks[done];
    return { packs, rest: next === undefined ? [] : from(request.uids, uidsOfBlock(next)[0]) };
  }

  #kept(
    account: number,
    mailbox: FoundMailbox,
    block: number,
    columns: readonly PackedColumn[],
  ): Uint8Array[] | undefined {
    const find = this.#db.arrays(PACK);
    const packs: Uint8Array[] = [];
    for (const kind of ['head', ...columns]) {
      const row = find.get(account, mailbox.n, block, kind) as ArrayRow | undefined;
      if (!row) return undefined;
      const [crc, bytes] = row as unknown as [number, Uint8Array];
      if (crc32(bytes) !== crc) {
        this.#log.error({ mailbox: mailbox.n, block, kind }, 'a packed block has a wrong CRC');
        return undefined;
      }
      packs.push(bytes);
    }
    return packs;
  }

  #made(access: Access, request: PackRequest, block: number): Uint8Array[] {
    const { mailbox, columns } = request;
    return packRows(rowsOf(this.#messages, access, mailbox, block, columns), columns);
  }
}

/** A damaged message is not among them: whoever misses it asks for it alone, and hears what is wrong. */
export function rowsOf(
  messages: MessageReader,
  access: Access,
  mailbox: MailboxId,
  block: number,
  wanted: readonly PackedColumn[],
): MessageRow[] {
  const columns = packedFrom(wanted);
  const rows: MessageRow[] = [];
  let left: UidSet = [uidsOfBlock(block)];
  while (left.length > 0) {
    const batch = messages.batch(access, { mailbox, uids: left, columns, expunged: false });
    rows.push(...unpackRows(batch, columns));
    left = batch.rest;
  }
  return rows;
}

const clip = (uids: UidSet, last: number): UidSet =>
  uids.filter(([a]) => a <= last).map(([a, b]) => [a, Math.min(b, last)] as const);

const from = (uids: UidSet, first: number): UidSet =>
  uids.filter(([, b]) => b >= first).map(([a, b]) => [Math.max(a, first), b] as const);
