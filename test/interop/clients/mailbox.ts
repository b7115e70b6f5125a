/** Mailboxes of any IMAP server as a trial sees them over a connection of its own: filled, changed, and compared message by message. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ImapFlow } from 'imapflow';

export interface Account {
  readonly host: string;
  /** Without TLS. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface StoredMessage {
  /** The Message-ID. */
  readonly id: string;
  readonly uid: number;
  /** Sorted, without `\Recent`. */
  readonly flags: readonly string[];
  readonly date: Date;
  /** Of all octets, without the headers that only a syncing client added for itself. */
  readonly hash: string;
}

export interface NewMessage {
  readonly raw: Buffer;
  readonly flags: readonly string[];
  readonly date: Date;
}

export async function withAccount<T>(account: Account, use: (client: ImapFlow) => Promise<T>): Promise<T> {
  const { host, port, user, password } = account;
  const client = new ImapFlow({
    host,
    port,
    secure: false,
    doSTARTTLS: false,
    auth: { user, pass: password },
    logger: false,
  });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.logout();
  }
}

export async function withMailbox<T>(
  account: Account,
  mailbox: string,
  use: (client: ImapFlow) => Promise<T>,
): Promise<T> {
  return await withAccount(account, async (client) => {
    const lock = await client.getMailboxLock(mailbox);
    try {
      return await use(client);
    } finally {
      lock.release();
    }
  });
}

/** What a mailbox holds, in the order of its UIDs. */
export async function listMailbox(account: Account, mailbox: string): Promise<StoredMessage[]> {
  return await withMailbox(account, mailbox, async (client) => {
    const found: StoredMessage[] = [];
    if (client.mailbox === false || client.mailbox.exists === 0) return found;
    const wanted = { uid: true, flags: true, internalDate: true, source: true };
    for await (const { uid, flags, internalDate, source } of client.fetch('1:*', wanted)) {
      const raw = source ?? Buffer.alloc(0);
      found.push({
        id: messageId(raw),
        uid,
        flags: [...(flags ?? [])].filter((flag) => flag !== '\\Recent').sort(),
        date: new Date(internalDate ?? 0),
        hash: contentHash(raw),
      });
    }
    return found;
  });
}

export function messageId(raw: Buffer): string {
  return /^Message-ID: *(\S+)/im.exec(raw.subarray(0, 8192).toString('latin1'))?.[1] ?? '';
}

/**
 * The same with CRLF and LF, with and without trace headers above the message's own, with and without what mbsync and offlineimap add to find their own uploads again, and with the space that Python's library
 * writes after an empty header's colon.
 */
export function content(raw: Buffer): string {
  return raw
    .toString('latin1')
    .replaceAll('\r\n', '\n')
    .replace(/^(?:[^\n]+\n)*?(?=From: =\?utf-8)/, '')
    .replace(/^(X-TUID|X-OfflineIMAP): .*\n/m, '')
    .replace(/^X-Empty: $/m, 'X-Empty:');
}

export const contentHash = (raw: Buffer): string => createHash('sha256').update(content(raw), 'latin1').digest('hex');

/** Appends all, pipelined (LITERAL+), each with its flags and internal date. Creates the mailbox if it isn't there. */
export async function fillMailbox(account: Account, mailbox: string, messages: readonly NewMessage[]): Promise<void> {
  if (mailbox !== 'INBOX') await withAccount(account, async (client) => void (await client.mailboxCreate(mailbox)));
  const path = modifiedUtf7(mailbox);
  const socket = connect(account.port, account.host);
  // Dovecot resets a connection that sends more than a little before its login is answered.
  const known = watch(socket, 1);
  await send(socket, Buffer.from(`a LOGIN ${account.user} "${account.password}"\r\n`));
  await known;
  const done = watch(socket, messages.length + 1);
  for (const { raw, flags, date } of messages) {
    const head = `a APPEND "${path}" (${flags.join(' ')}) "${imapDate(date)}" {${raw.length}+}\r\n`;
    await send(socket, Buffer.concat([Buffer.from(head), raw, Buffer.from('\r\n')]));
  }
  await send(socket, Buffer.from('a LOGOUT\r\n'));
  await done;
  socket.destroy();
}

/** RFC 3501 §5.1.3. */
function modifiedUtf7(name: string): string {
  return name.replace(/&|[^ -~]+/g, (part) => {
    const octets = Buffer.from(part, 'utf16le').swap16();
    return part === '&' ? '&-' : `&${octets.toString('base64').replaceAll('/', ',').replace(/=+$/, '')}-`;
  });
}

/** Resolves at the tagged answers of all, rejects at the first that isn't OK or when the server closes. */
function watch(socket: Socket, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    let answered = 0;
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\r\n');
      text = lines.pop() ?? '';
      for (const line of lines.filter((l) => l.startsWith('a '))) {
        if (!line.startsWith('a OK')) reject(new Error(line));
        if (++answered === count) resolve();
      }
    });
    socket.on('error', reject).on('close', () => reject(new Error(`closed after ${answered} of ${count} answers`)));
  });
}

async function send(socket: Socket, octets: Buffer): Promise<void> {
  if (!socket.write(octets)) await once(socket, 'drain');
}

function imapDate(date: Date): string {
  const month = date.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' });
  const two = (n: number) => String(n).padStart(2, '0');
  const day = String(date.getUTCDate()).padStart(2, ' ');
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  return `${day}-${month}-${date.getUTCFullYear()} ${time} +0000`;
}

/** Each message once on both sides, with the same flags, octets and, if asked, dates. */
export function assertSame(
  found: readonly Omit<StoredMessage, 'uid'>[],
  expected: readonly Omit<StoredMessage, 'uid'>[],
  what: string,
  options: { dates: boolean },
): void {
  const line = ({ id, flags, date, hash }: Omit<StoredMessage, 'uid'>) =>
    [id, flags.join(' '), hash.slice(0, 12), options.dates ? Math.floor(date.getTime() / 1000) : ''].join(' | ');
  const have = found.map(line).sort();
  const want = expected.map(line).sort();
  if (have.length === want.length && have.every((text, i) => text === want[i])) return;
  const wanted = new Set(want);
  const had = new Set(have);
  const missing = want.filter((text) => !had.has(text));
  const extra = have.filter((text, i) => !wanted.has(text) || have[i - 1] === text);
  assert.fail(
    `${what}: ${have.length} messages, not ${want.length}; missing ${missing.length}: ${missing.slice(0, 5).join('\n')}\nnot expected ${extra.length}: ${extra.slice(0, 5).join('\n')}`,
  );
}
