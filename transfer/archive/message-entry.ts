/** A message in an archive, or on its way to another peer: one entry of a tar, whose extended header says all that is known of it. */
import { crc32 } from 'node:zlib';
import { MailError } from '#mail/failure.ts';
import { isId } from '#store/ids.ts';
import { CONTENT_COLUMN_LIMIT, type MailStore, type MessageRow } from '#store/store.ts';
import type { Access, Flags, Mailbox, MailboxId, MessageId, ThreadId, Uid } from '#store/types.ts';
import { MAX_UID } from '#store/uid-set.ts';
import type { TarEntry } from './tar-reader.ts';
import { padding, tarHead } from './tar-writer.ts';

export interface MessageFacts {
  readonly mailbox: MailboxId;
  readonly uid: Uid;
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly flags: Flags;
  readonly internalDate: { readonly time: number; readonly zone: number };
  readonly savedAt: number;
  /** Octets at its head that are not of the body as it was accepted. */
  readonly prefixLength: number;
  /** Of prefix and body. */
  readonly crc: number;
}

/** @param linked the name of an entry that has the same message already. */
export async function* messageEntry(
  store: MailStore,
  access: Access,
  mailbox: Mailbox,
  row: MessageRow,
  flags: Flags,
  linked?: string,
): AsyncGenerator<Uint8Array> {
  const name = entryName(mailbox, row.uid);
  const crc = linked === undefined ? await crcOf(store, access, mailbox.id, row) : 0;
  const pax = {
    'PEERPOST.mailbox': mailbox.id,
    'PEERPOST.uid': `${row.uid}`,
    'PEERPOST.message': row.message,
    'PEERPOST.thread': row.thread,
    'PEERPOST.flags': flags.join(' '),
    'PEERPOST.date': `${row.internalDate.time} ${row.internalDate.zone}`,
    'PEERPOST.saved': `${row.savedAt}`,
    'PEERPOST.prefix': `${row.prefixLength}`,
    'PEERPOST.crc32': crc.toString(16).padStart(8, '0'),
  };
  const { time } = row.internalDate;
  if (linked !== undefined) {
    yield tarHead({ name, size: 0, time, pax, link: linked });
    return;
  }
  yield tarHead({ name, size: row.size, time, pax });
  yield* contentOf(store, access, mailbox.id, row);
  yield padding(row.size);
}

/** People may look into it: a folder for each mailbox. */
export function entryName({ name }: Pick<Mailbox, 'name'>, uid: Uid): string {
  const levels = name.split('/').map((level) => level.replace(/[\x00-\x1f\x7f\\]/g, '_').replace(/^\.+/, '_'));
  return `mail/${levels.join('/')}/${uid}.eml`;
}

async function crcOf(store: MailStore, access: Access, mailbox: MailboxId, row: MessageRow): Promise<number> {
  if (row.content !== undefined) return crc32(row.content);
  let crc = 0;
  for await (const chunk of contentOf(store, access, mailbox, row)) crc = crc32(chunk, crc);
  return crc;
}

async function* contentOf(
  store: MailStore,
  access: Access,
  mailbox: MailboxId,
  row: MessageRow,
): AsyncGenerator<Uint8Array> {
  if (row.content !== undefined) {
    yield row.content;
    return;
  }
  if (row.size <= CONTENT_COLUMN_LIMIT) throw new MailError('unavailable', `message ${row.message} can not be read`);
  yield* store.content(access, mailbox, row.uid, 0, row.size);
}

/** RFC 9051 §9, flag: IMAP sends them as they are, so that another one would end a line of its protocol. */
const FLAG = /^\\?[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]{1,255}$/;
/** Of trace fields, which is held in memory. */
const MOST_PREFIX = 1_048_576;

function refuse(error: MailError): never {
  throw error;
}

/** @throws MailError `bad-request` for an entry that does not say all of it. */
export function parseMessageEntry({ name, pax, size, link }: TarEntry): MessageFacts {
  const wrong = (what: string): MailError => new MailError('bad-request', `the archive is damaged: ${what} of ${name}`);
  const id = (key: string): string => {
    const value = pax[`PEERPOST.${key}`] ?? '';
    if (!isId(value)) throw wrong(key);
    return value;
  };
  const number = (key: string, text: string | undefined, least: number, most: number): number => {
    const value = /^-?\d+$/.test(text ?? '') ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw wrong(key);
    return value;
  };
  const [time, zone] = (pax['PEERPOST.date'] ?? '').split(' ');
  const crc = pax['PEERPOST.crc32'] ?? '';
  if (!/^[0-9a-f]{8}$/.test(crc)) throw wrong('crc32');
  const flags = pax['PEERPOST.flags'] ?? '';
  return {
    mailbox: id('mailbox'),
    uid: number('uid', pax['PEERPOST.uid'], 1, MAX_UID),
    message: id('message'),
    thread: id('thread'),
    flags: flags === '' ? [] : flags.split(' ').map((flag) => (FLAG.test(flag) ? flag : refuse(wrong('flags')))),
    internalDate: {
      time: number('date', time, -8.64e15, 8.64e15),
      zone: number('date', zone, -1440, 1440),
    },
    savedAt: number('saved', pax['PEERPOST.saved'], 0, 8.64e15),
    prefixLength: number(
      'prefix',
      pax['PEERPOST.prefix'],
      0,
      link === undefined ? Math.min(size, MOST_PREFIX) : MOST_PREFIX,
    ),
    crc: Number.parseInt(crc, 16),
  };
}
