/**
 * Sessions that nobody sees, before the first client comes: code that has never run has to be compiled, and statements that were never asked have
 * to be prepared, which costs whoever comes first many times what the command itself does. Only what changes nothing is asked.
 */
import type { Log } from '#runtime/ambient.ts';
import { type Connection, ConnectionClosed } from '#runtime/connection.ts';
import { LARGE_MAILBOX, type MailStore } from '#store/store.ts';
import type { Access, Mailbox } from '#store/types.ts';
import type { ImapServices } from './command.ts';
import { commandTable } from './commands/table.ts';
import { serveConnection } from './driver.ts';
import { formatMailbox } from './response/strings.ts';

/** A mailbox that may be read. */
export interface Stage {
  readonly access: Access;
  readonly name: string;
}

const COMMANDS = [
  'LOGIN rehearsal rehearsal',
  'LIST "" "%"',
  'STATUS MAILBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)',
  'SELECT MAILBOX',
  'UID FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)',
  'UID FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)])',
  'FETCH 1 (UID FLAGS BODY.PEEK[])',
  'UID SEARCH UNSEEN',
  'NOOP',
  'SELECT MAILBOX',
  'LOGOUT',
];

/** What V8 needs to know its way, more or less. */
const TIMES = 10;

/** Answers the tagged results that were not OK. */
export async function rehearse(services: ImapServices, { access, name }: Stage): Promise<readonly string[]> {
  const login = { account: access.owner, address: 'rehearsal' };
  const auth = { ...services.auth, admit: async () => undefined, finish: async () => login };
  const quiet = { ...services, auth, log: QUIET };
  const mailbox = formatMailbox(name, false);
  const script = COMMANDS.map((command) => `r ${command.replace('MAILBOX', () => mailbox)}\r\n`).join('');
  const refused: string[] = [];
  const parts = [quiet, { ...quiet, ...asLarge(services) }];
  for (let i = 0; i < TIMES; i++) {
    const connection = scripted(script, (line) => refused.push(line));
    const played = parts[i % parts.length]!;
    await serveConnection(connection, { services: played, table: commandTable, canStartTls: false, log: QUIET });
  }
  return refused;
}

/** Rooms in which every mailbox is large and open to nobody, so that SELECT takes the way of such (opening.ts). */
function asLarge({ store, views }: ImapServices): Pick<ImapServices, 'store' | 'views'> {
  const large = async (...asked: Parameters<MailStore['mailboxNamed']>): Promise<Mailbox | undefined> => {
    const mailbox = await store.mailboxNamed(...asked);
    return mailbox && { ...mailbox, messages: LARGE_MAILBOX + 1 };
  };
  return { store: instead(store, { mailboxNamed: large }), views: instead(views, { holds: () => false }) };
}

/** The same object with other methods. */
function instead<T extends object>(whole: T, other: Partial<T>): T {
  return new Proxy(whole, {
    get(_, name) {
      const value: unknown = Reflect.get(name in other ? other : whole, name);
      return typeof value === 'function' ? value.bind(whole) : value;
    },
  });
}

const QUIET: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => QUIET,
};

const NOT_OK = /^(?:r (?!OK)|\* BYE \[).*/gm;

/** A client that sends everything at once, and reads at leisure. */
function scripted(script: string, refused: (line: string) => void): Connection {
  const endpoint = { address: '127.0.0.1', port: 0 };
  let left: Uint8Array | null = Buffer.from(script);
  return {
    id: 'rehearsal',
    remote: endpoint,
    local: endpoint,
    loopback: true,
    tls: undefined,
    buffered: 0,
    signal: new AbortController().signal,
    async read() {
      const bytes = left;
      left = null;
      return bytes;
    },
    async write(bytes) {
      for (const [line] of Buffer.from(bytes).toString('latin1').matchAll(NOT_OK)) refused(line);
    },
    startTls: () => Promise.reject(new ConnectionClosed('closed')),
    end: async () => undefined,
    cork: () => undefined,
    uncork: () => undefined,
    deadline: () => undefined,
    destroy: () => undefined,
  };
}
