/** Who is connected now, and how to end it. */
import { MailError } from '#mail/failure.ts';
import type { Coordination, SessionInfo } from '#runtime/coordination.ts';
import { type Actor, type AdminRooms, type Items, timestamp } from './rooms.ts';

type Rooms = Pick<AdminRooms, 'directory' | 'coordination'>;

export interface SessionItem {
  readonly id: string;
  readonly program: string;
  readonly protocol: string;
  /** Address of the client, or `unix`. */
  readonly remote: string;
  readonly since: string;
  /** Address of the account, once somebody has logged in. */
  readonly login?: string;
}

export interface SessionFilter {
  readonly login?: string;
  readonly protocol?: string;
  readonly remote?: string;
}

/** Longest first. @throws MailError `unavailable` where nothing runs. */
export async function listSessions(rooms: Rooms, filter: SessionFilter = {}): Promise<Items<SessionItem>> {
  const login = filter.login?.toLowerCase();
  const found = (await registered(rooms)).filter(
    (session) =>
      (login === undefined || session.login?.toLowerCase() === login) &&
      (filter.protocol === undefined || session.protocol === filter.protocol) &&
      (filter.remote === undefined || session.remote === filter.remote),
  );
  return {
    items: found.sort((a, b) => a.since - b.since).map(({ since, ...info }) => ({ ...info, since: timestamp(since) })),
  };
}

/** IMAP clients hear BYE, SMTP clients 421, both after what they have in hand; they may come back. */
export async function disconnectSessions(
  rooms: Rooms,
  args: { readonly ids: readonly string[] } | { readonly filter: SessionFilter },
  by: Actor,
): Promise<Items<string>> {
  const ids = 'ids' in args ? args.ids : (await listSessions(rooms, args.filter)).items.map(({ id }) => id);
  const told = await reach(rooms).disconnect(ids);
  const missing = 'ids' in args ? args.ids.filter((id) => !told.includes(id)) : [];
  if (told.length > 0) {
    const target = told.length === 1 ? told[0]! : `${told.length} sessions`;
    const detail = 'ids' in args ? { ids: told } : { filter: args.filter, ids: told };
    await rooms.directory.change({ type: 'note-act', act: 'disconnect', target }, { ...by, detail });
  }
  if (missing.length > 0) throw new MailError('not-found', `no such session: ${missing.join(' ')}`);
  return { items: told };
}

/** A session that has just logged in is registered twice for a moment: with its login it counts. */
async function registered(rooms: Rooms): Promise<SessionInfo[]> {
  const found = new Map<string, SessionInfo>();
  for (const session of await reach(rooms).sessions()) {
    if (session.login !== undefined || !found.has(session.id)) found.set(session.id, session);
  }
  return [...found.values()];
}

function reach({ coordination }: Rooms): Pick<Coordination, 'sessions' | 'disconnect'> {
  if (coordination === undefined) throw new MailError('unavailable', 'nothing runs, so that there are no sessions');
  return coordination;
}
