/**
 * Sessions that nobody sees, before the first client comes: code that has never run has to be compiled and learns at each place what it is given,
 * and statements that were never asked have to be prepared, which costs whoever comes first many times what the command itself does. So they
 * are served as real ones are, over a socket of our own. Only what changes nothing is asked.
 */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { createLogger } from '#runtime/logger.ts';
import { createMetrics } from '#runtime/metrics/metrics.ts';
import type { NoticeBatch } from '#store/change.ts';
import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';
import { ViewCache } from '#store/view-cache.ts';
import type { ListenerRooms } from '../session/listener.ts';
import type { ImapServices } from './command.ts';
import { ImapListener, type ImapListenerSettings } from './listener.ts';
import { formatMailbox } from './response/strings.ts';

/** A mailbox that may be read. */
export interface Stage {
  readonly access: Access;
  readonly name: string;
  /** Of the socket, which is there meanwhile and asks for no password: in a folder that is ours alone. */
  readonly path: string;
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
/** For the whole rehearsal: nobody is served before it is over. */
const PATIENCE_MS = 3_000;
const GRACE_MS = 500;

/** Answers what went wrong: tagged results that were not OK, and the error that ended it. */
export async function rehearse(
  rooms: ListenerRooms,
  settings: ImapListenerSettings,
  { access, name, path }: Stage,
): Promise<readonly string[]> {
  const { mayStay: _, ...open } = rooms;
  const apart = { ...open, coordination: new LocalCoordination(settings.services.clock), metrics: createMetrics() };
  const parts = partsOf(settings.services, access);
  const listeners = parts.map((services) => new ImapListener(apart, { ...settings, services }));
  const mailbox = formatMailbox(name, false);
  const script = COMMANDS.map((command) => command.replace('MAILBOX', () => mailbox));
  const refused: string[] = [];
  const until = performance.now() + PATIENCE_MS;
  try {
    await rm(path, { force: true });
    for (let i = 0; i < TIMES && performance.now() < until; i++) {
      const server = await receiveOne(path, (socket) => listeners[i % listeners.length]!.accept('imap', socket));
      try {
        await play(path, script, (line) => refused.push(line));
      } finally {
        server.close();
      }
    }
  } catch (error) {
    refused.push(String(error));
  }
  await Promise.all(listeners.map((listener) => listener.drain(GRACE_MS, false)));
  await Promise.all(parts.map(({ views }) => views.close()));
  return refused;
}

/** SELECT of a mailbox that is kept in memory, and of one that is large and open to nobody (opening.ts). */
function partsOf(services: ImapServices, { owner }: Access): readonly ImapServices[] {
  const login = { account: owner, address: 'rehearsal' };
  const auth = { ...services.auth, admit: async () => undefined, finish: async () => login };
  const log = createLogger({ level: 'info', format: 'json', fields: {}, write: () => undefined });
  const store = still(services.store);
  const views = (idleViews: number): ViewCache => new ViewCache({ store, clock: services.clock, log, idleViews });
  const small = { ...services, auth, log, views: views(1) };
  return [small, { ...small, views: views(0), limits: { ...services.limits, largeMailbox: 0 } }];
}

/** In which nothing happens. */
const still = (store: MailStore): Pick<MailStore, 'snapshot' | 'delta' | 'watch'> => ({
  snapshot: (...asked) => store.snapshot(...asked),
  delta: (...asked) => store.delta(...asked),
  watch: (_, signal) => nothing(signal),
});

async function* nothing(signal: AbortSignal): AsyncGenerator<NoticeBatch> {
  await once(signal, 'abort');
  yield* [];
}

/** The socket is gone as soon as somebody has come. */
async function receiveOne(path: string, receive: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    server.close();
    receive(socket);
  });
  await once(server.listen(path), 'listening');
  return server;
}

const TAG = 'rehearsal';
const GREETING = '* OK [CAPABILITY ';
const REFUSAL = new RegExp(`^(?:${TAG} (?!OK)|\\* BYE \\[)`);

/** A client that asks for one thing after the other, and ends when the server does. */
async function play(path: string, script: readonly string[], refused: (line: string) => void): Promise<void> {
  const left = [...script];
  const socket = connect({ path }).setEncoding('latin1');
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no answer')));
  let line = '';
  for await (const text of socket as AsyncIterable<string>) {
    const lines = `${line}${text}`.split('\r\n');
    line = lines.pop() ?? '';
    for (const whole of lines) {
      if (REFUSAL.test(whole)) refused(whole);
      if (!whole.startsWith(GREETING) && !whole.startsWith(`${TAG} `)) continue;
      const command = left.shift();
      if (command !== undefined) socket.write(`${TAG} ${command}\r\n`);
    }
  }
}
