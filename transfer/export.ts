/**
 * Mailboxes as streams that other programs read: mbox, or a zip of .eml files. However much is exported, memory holds one batch of small messages or
 * one chunk of a large one. What is expunged meanwhile is left out; what comes in after the beginning is not in it.
 */
import { MailError } from '#mail/failure.ts';
import { MboxEncoder } from '#mail/mbox/encoder.ts';
import { formatStatus } from '#mail/mbox/status.ts';
import { CONTENT_COLUMN_LIMIT, type MailStore, type MessageRow } from '#store/store.ts';
import type { Access, Flags, Mailbox, Uid } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import { type ZipEntry, zipOf } from './zip.ts';

export type ExportFormat = 'mbox' | 'zip';

/** UIDs asked of the store at once: a batch of contents is bounded, and the set of UIDs too. */
const PORTION = 1000;

export function exportMailbox(
  store: MailStore,
  access: Access,
  mailbox: Mailbox,
  format: ExportFormat,
): AsyncIterable<Uint8Array> {
  return format === 'mbox' ? mboxOf(store, access, mailbox) : exportZip(store, access, [mailbox]);
}

/** A folder for each mailbox. */
export function exportZip(store: MailStore, access: Access, mailboxes: readonly Mailbox[]): AsyncGenerator<Uint8Array> {
  return zipOf(entriesOf(store, access, mailboxes));
}

async function* mboxOf(store: MailStore, access: Access, mailbox: Mailbox): AsyncGenerator<Uint8Array> {
  const encoder = new MboxEncoder();
  for await (const { row, flags } of messagesOf(store, access, mailbox)) {
    const head = encoder.begin({ sender: senderOf(row), time: row.internalDate.time });
    const status = encoder.push(Buffer.from(formatStatus(flags)));
    yield Buffer.concat([head, status]);
    for await (const chunk of contentOf(store, access, mailbox, row)) yield encoder.push(chunk);
    yield encoder.end();
  }
}

async function* entriesOf(store: MailStore, access: Access, mailboxes: readonly Mailbox[]): AsyncGenerator<ZipEntry> {
  const folders = new Set<string>();
  for (const mailbox of mailboxes) {
    const plain = mailbox.name.split('/').map(fileName).join('/');
    // Two names may become the same one.
    const folder = folders.has(plain.toLowerCase()) ? `${plain} ${mailbox.id}` : plain;
    folders.add(folder.toLowerCase());
    for await (const { row } of messagesOf(store, access, mailbox)) {
      const subject = fileName((row.headers?.subject ?? '').slice(0, 60)).trim();
      const name = `${folder}/${String(row.uid).padStart(6, '0')}${subject === '' ? '' : ` ${subject}`}.eml`;
      const content = row.content ?? contentOf(store, access, mailbox, row);
      yield { name, time: row.internalDate.time, content };
    }
  }
}

/** One level of a path, as every system takes it. */
function fileName(text: string): string {
  const plain = text.toWellFormed().replace(/[\x00-\x1f\x7f/\\:*?"<>|]/g, '_');
  return plain.replace(/^\.+|[. ]+$/g, '_');
}

async function* messagesOf(
  store: MailStore,
  access: Access,
  mailbox: Mailbox,
): AsyncGenerator<{ row: MessageRow; flags: Flags }> {
  const { uids, flags, flagSets } = await store.snapshot(access, mailbox.id);
  const columns = { headers: true, rawHeader: true, content: true };
  for (let from = 0; from < uids.length; from += PORTION) {
    const portion = uids.subarray(from, from + PORTION);
    const places = new Map<Uid, number>(Array.from(portion, (uid, i) => [uid, from + i]));
    for await (const batch of store.messages(access, mailbox.id, fromUids(portion), columns)) {
      for (const row of batch) yield { row, flags: flagSets[flags[places.get(row.uid)!]!]! };
    }
  }
}

async function* contentOf(
  store: MailStore,
  access: Access,
  mailbox: Mailbox,
  row: MessageRow,
): AsyncGenerator<Uint8Array> {
  if (row.content !== undefined) {
    yield row.content;
    return;
  }
  if (row.size <= CONTENT_COLUMN_LIMIT) throw new MailError('unavailable', 'a message can not be read now');
  yield* store.content(access, mailbox.id, row.uid, 0, row.size);
}

/** RFC 5321 §4.4: the reverse-path, where final delivery has noted it. */
function senderOf({ rawHeader }: MessageRow): string {
  const head = Buffer.from(rawHeader ?? []).toString('utf8', 0, 400);
  return /^Return-Path: <([^>\r\n]*)>/i.exec(head)?.[1] ?? '';
}
