/** The other server, seen through imapflow: read only, nothing there is marked or changed. */
import { isIP, type LookupFunction } from 'node:net';
import type { ImapFlow } from 'imapflow';
import { MailError } from '#mail/failure.ts';
import { distrust } from '../certificate.ts';
import { addressOf } from '../destination.ts';
import { eachWithin, isTooMuch, MOST, MOST_MESSAGES, RESPONSES, tooMuch, within } from './bounds.ts';

export interface SourceAddress {
  readonly host: string;
  readonly port: number;
  /** TLS from the beginning; else STARTTLS where it is offered. */
  readonly secure: boolean;
  readonly user: string;
}

export interface SourceCredentials {
  readonly password?: string;
  /** OAuth 2 access token. */
  readonly token?: string;
  /** PEM, beside the system's. */
  readonly ca?: string;
  /** Without a valid certificate, and in the clear to other hosts than loopback: the admin has said so. */
  readonly insecure?: boolean;
}

export interface SourceMailbox {
  readonly path: string;
  /** Its levels, without the prefix of the personal namespace. */
  readonly levels: readonly string[];
  /** RFC 6154, lower case without the backslash: as the server says, or by what such mailboxes are called in many languages. */
  readonly use?: string;
  readonly subscribed: boolean;
}

export interface SourceMessage {
  readonly uid: number;
  readonly size: number;
  readonly flags: readonly string[];
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Of a server that has such ids: equal ones are one message in several mailboxes. */
  readonly emailId?: string;
}

export interface OpenMailbox {
  readonly uidValidity: number;
  messages(): Promise<readonly SourceMessage[]>;
  /** Message-IDs, for when UIDs have lost their meaning. */
  messageIds(): Promise<ReadonlyMap<number, string>>;
  /** Small messages, whole, in no order; those that went meanwhile are missing. */
  contents(uids: readonly number[]): AsyncIterable<{ readonly uid: number; readonly content: Uint8Array }>;
  /** A large one, in pieces; `undefined` when it went. */
  content(uid: number): Promise<AsyncIterable<Uint8Array> | undefined>;
}

export interface Source {
  mailboxes(): Promise<readonly SourceMailbox[]>;
  /** One at a time. */
  open(path: string): Promise<OpenMailbox>;
  close(): Promise<void>;
}

const CHUNK = 262_144;
const SOCKET_MS = 120_000;

/**
 * @param lookup finds the address of its host, and only one that may be connected to; the system's otherwise.
 * @throws MailError `bad-credentials`, `unavailable`, `not-permitted`.
 */
export async function connectSource(
  address: SourceAddress,
  credentials: SourceCredentials,
  lookup?: LookupFunction,
): Promise<Source> {
  // Two hundred modules that no start and no other command waits for.
  const { ImapFlow: Client } = await import('imapflow');
  const client: ImapFlow = new Client({
    ...(lookup === undefined
      ? { host: address.host }
      : { host: await addressOf(address.host, lookup), ...(isIP(address.host) === 0 && { servername: address.host }) }),
    port: address.port,
    secure: address.secure,
    auth:
      credentials.token === undefined
        ? { user: address.user, pass: credentials.password ?? '' }
        : { user: address.user, accessToken: credentials.token },
    logger: false,
    disableAutoIdle: true,
    socketTimeout: SOCKET_MS,
    ...RESPONSES,
    ...startTls(address, credentials),
    tls: {
      ...(credentials.ca === undefined ? {} : { ca: [credentials.ca] }),
      ...(credentials.insecure ? { rejectUnauthorized: false } : {}),
    },
  });
  // Whoever waits for an answer gets the error; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await within(client, MOST.login, () => client.connect());
  } catch (error) {
    client.close();
    throw failureOf(error, `can not log in to ${address.host}`);
  }
  return {
    mailboxes: () => told(() => within(client, MOST.mailboxes, () => listMailboxes(client))),
    open: (path) => told(() => within(client, MOST.mailboxes, () => openMailbox(client, path))),
    close: async () => {
      // A server that has gone needs no farewell.
      await client.logout().catch(() => client.close());
    },
  };
}

/** Over loopback nobody listens in; elsewhere no password goes in the clear unless the admin has said so. */
function startTls({ secure, host }: SourceAddress, { insecure }: SourceCredentials): { doSTARTTLS?: boolean } {
  if (secure) return {};
  if (isLoopback(host)) return { doSTARTTLS: false };
  return insecure ? {} : { doSTARTTLS: true };
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

async function told<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw failureOf(error, 'the other server');
  }
}

/** Trouble with another server is temporary, but for a refused password. */
function failureOf(error: unknown, what: string): MailError {
  if (error instanceof MailError) return error;
  if (isTooMuch(error)) return tooMuch();
  const { authenticationFailed, responseText, message } = error as {
    authenticationFailed?: boolean;
    responseText?: string;
    message?: string;
  };
  const text = `${what}: ${responseText ?? distrust(error) ?? message ?? String(error)}`;
  return new MailError(authenticationFailed ? 'bad-credentials' : 'unavailable', text, { cause: error });
}

async function listMailboxes(client: ImapFlow): Promise<SourceMailbox[]> {
  const all = await client.list();
  const prefix = client.namespace?.prefix ?? '';
  return all
    .filter(({ flags }) => !flags.has('\\Noselect') && !flags.has('\\NonExistent'))
    .map(({ path, delimiter, specialUse, subscribed }) => {
      const inner = prefix !== '' && path.startsWith(prefix) && path.length > prefix.length;
      const own = inner ? path.slice(prefix.length) : path;
      const levels = delimiter ? own.split(delimiter) : [own];
      const use = specialUse?.replace(/^\\/, '').toLowerCase();
      return {
        path,
        levels: levels.filter((level) => level !== ''),
        subscribed,
        ...(use === undefined ? {} : { use }),
      };
    })
    .filter(({ levels }) => levels.length > 0);
}

async function openMailbox(client: ImapFlow, path: string): Promise<OpenMailbox> {
  const { uidValidity } = await client.mailboxOpen(path, { readOnly: true });
  return {
    uidValidity: Number(uidValidity),
    messages: () => told(() => within(client, MOST.list, () => listMessages(client))),
    messageIds: () => told(() => within(client, MOST.list, () => listMessageIds(client))),
    async *contents(uids) {
      try {
        const wanted = client.fetch(uids.join(','), { uid: true, source: true }, { uid: true });
        for await (const { uid, source } of eachWithin(client, MOST.portion, wanted)) {
          if (source !== undefined) yield { uid, content: source };
        }
      } catch (error) {
        throw failureOf(error, 'the other server');
      }
    },
    content: (uid) =>
      told(async () => {
        const { content } = await client.download(String(uid), undefined, { uid: true, chunkSize: CHUNK });
        return content as AsyncIterable<Uint8Array> | undefined;
      }),
  };
}

const isEmpty = (client: ImapFlow): boolean => client.mailbox === false || client.mailbox.exists === 0;

async function listMessages(client: ImapFlow): Promise<SourceMessage[]> {
  if (isEmpty(client)) return [];
  const found: SourceMessage[] = [];
  const wanted = { uid: true, flags: true, size: true, internalDate: true };
  for await (const { uid, flags, size = 0, internalDate, emailId } of client.fetch('1:*', wanted)) {
    if (found.length >= MOST_MESSAGES)
      throw new MailError('rejected', `more than ${MOST_MESSAGES} messages in a mailbox`);
    const time = new Date(internalDate ?? Number.NaN).getTime();
    found.push({
      uid,
      size,
      flags: [...(flags ?? [])].filter(isKept).sort(),
      time: Number.isNaN(time) ? 0 : time,
      ...(emailId === undefined ? {} : { emailId }),
    });
  }
  return found.sort((a, b) => a.uid - b.uid);
}

const SYSTEM = new Set(['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft']);
/** RFC 9051 §9 flag-keyword: an atom. `\Recent` and what a server has made up for itself stay there. */
const KEYWORD = /^[^\x00-\x20\x7f-\uffff(){%*"\\\]]{1,100}$/;
const isKept = (flag: string): boolean => SYSTEM.has(flag) || KEYWORD.test(flag);

async function listMessageIds(client: ImapFlow): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  if (isEmpty(client)) return found;
  for await (const { uid, envelope } of client.fetch('1:*', { uid: true, envelope: true })) {
    if (found.size >= MOST_MESSAGES)
      throw new MailError('rejected', `more than ${MOST_MESSAGES} messages in a mailbox`);
    found.set(uid, envelope?.messageId ?? '');
  }
  return found;
}
