/** `GET /events`. */
import Type from 'typebox';
import { MailError } from '#mail/failure.ts';
import type { Caller } from '../callers.ts';
import { Content } from '../content.ts';
import type { Routes } from '../route.ts';
import { badInput } from '../sending/correspondents.ts';
import type { RestServices } from '../services.ts';
import { EVENT_DATA, EVENT_TYPES } from './event.ts';
import { eventStream } from './stream.ts';

/** Streams of one account at a time, over all workers. */
const STREAMS = 100;

export function eventRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/events',
    scope: 'mail:read',
    tag: 'Events',
    summary: 'What happens, as it happens',
    description:
      `Server-sent events: ${EVENT_TYPES.map((type) => `\`${type}\``).join(', ')}. The id of an event is the account’s counter: with \`Last-Event-ID\` the stream goes on exactly behind it, after any gap; ` +
      'where the log no longer reaches back that far comes `reset`: read afresh. `ready` comes first. The stream ends when the token or password does.\n\n' +
      EVENT_DATA,
    operationId: 'streamEvents',
    query: Type.Object({
      types: Type.Optional(
        Type.String({
          maxLength: 500,
          description: 'Types that are wanted, or their beginnings, with commas between: `message.added,submission`.',
        }),
      ),
      lastEventId: Type.Optional(Type.Integer({ minimum: 0, description: 'As the header, for who can’t set it.' })),
    }),
    produces: ['text/event-stream'],
    failures: ['bad-request', 'limit-exceeded'],
    async run({ access, caller, services, query, headers, method, signal }) {
      const { store, views, clock, coordination, draining } = services;
      const header = headers['last-event-id'];
      const since = header === undefined ? query.lastEventId : Number(header);
      if (since !== undefined && !Number.isSafeInteger(since)) {
        throw badInput({ path: '/headers/last-event-id', message: 'is no id of an event' });
      }
      if (method === 'HEAD') return new Content({ type: 'text/event-stream', body: '' });
      const place = await coordination.acquire(`events:${access.owner}`, STREAMS);
      if (place === undefined) throw new MailError('limit-exceeded', 'Too many streams of events of this account');
      const mayGoOn = await permission(services, caller);
      const stream = eventStream({
        store,
        views,
        clock,
        access,
        since,
        wanted: wantedOf(query.types),
        mayGoOn,
        signal: AbortSignal.any([signal, draining]),
      });
      // The client may be gone before the stream is read.
      signal.addEventListener('abort', () => place.release(), { once: true });
      return new Content({
        type: 'text/event-stream',
        body: ended(stream, () => place.release()),
        headers: { 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
      });
    },
  });
}

async function* ended(stream: AsyncIterable<string>, release: () => void): AsyncGenerator<string, void, undefined> {
  try {
    yield* stream;
  } finally {
    release();
  }
}

function wantedOf(types: string | undefined): (type: string) => boolean {
  const all = types
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  if (all === undefined || all.length === 0) return () => true;
  return (type) => all.some((one) => type === one || type.startsWith(`${one}.`));
}

/** Whether the caller still may, asked again and again: what ends here comes again by itself where it may, and loses nothing. */
async function permission(services: RestServices, caller: Caller): Promise<() => Promise<boolean>> {
  const { directory, clock } = services;
  const { token, account } = caller;
  const before = token === undefined ? await credentials(services, caller) : undefined;
  return async () => {
    const owner = account && (await directory.account(account.id));
    if (owner?.state !== 'active' || owner.suspended) return false;
    if (token === undefined) return (await credentials(services, caller)) === before;
    const now = await directory.tokenById(token.id);
    return now !== undefined && (now.expiresAt === undefined || now.expiresAt > clock.now());
  };
}

/** Of who came with a password: what changes when it is another one. */
async function credentials({ directory }: RestServices, { account, how }: Caller): Promise<string> {
  const { id } = account!;
  if (how === 'app-password') return (await directory.appPasswords(id)).map((one) => one.id).join();
  return Buffer.from((await directory.secret(id))?.scram.storedKey ?? []).toString('base64');
}
