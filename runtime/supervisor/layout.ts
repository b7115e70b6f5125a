/** Which program serves which listening socket, and where each one listens. */
import { join } from 'node:path';
import type { Config, ProgramName } from '#config/config.ts';
import { PROTOCOL_NAMES, PROTOCOLS } from '#config/protocols.ts';
import type { ListenerName } from '../service.ts';

export interface Place {
  readonly name: ListenerName;
  readonly program: ProgramName;
  /** Inner sockets connect our own programs; they stay open until the last program has drained. */
  readonly inner: boolean;
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
}

export interface InnerPaths {
  readonly run: string;
  readonly control: string;
  readonly directory: string;
  readonly queue: string;
  /** Takes messages as port 587 does, from our own programs and as the account that they name. */
  readonly submission: string;
  /** A folder of compiled code. */
  readonly code: string;
  store(shard: number): string;
}

/** The Unix sockets between our own programs, the CLI's too, and what else is there while they run. */
export function innerPaths(data: string): InnerPaths {
  const run = join(data, 'run');
  return {
    run,
    control: join(run, 'control.sock'),
    directory: join(run, 'directory.sock'),
    queue: join(run, 'queue.sock'),
    submission: join(run, 'submission.sock'),
    code: join(run, 'code'),
    store: (shard) => join(run, `store-${shard}.sock`),
  };
}

/** Everything that is bound for these programs; the control socket is the supervisor's own. */
export function placesOf(config: Config, programs: readonly string[]): Place[] {
  const inner = innerPaths(config.data);
  const places: Place[] = PROTOCOL_NAMES.flatMap((name) => {
    const { program } = PROTOCOLS[name];
    return program === undefined ? [] : config.listeners[name].map((at) => ({ name, program, inner: false, at }));
  });
  places.push({ name: 'lmtp-unix', program: 'mda', inner: true, at: { path: config.listeners.lmtpUnix } });
  places.push({ name: 'directory', program: 'mda', inner: true, at: { path: inner.directory } });
  for (let shard = 0; shard < config.store.shards; shard++) {
    places.push({ name: `store-${shard}`, program: 'mda', inner: true, at: { path: inner.store(shard) } });
  }
  places.push({ name: 'queue', program: 'mta', inner: true, at: { path: inner.queue } });
  places.push({ name: 'submission-unix', program: 'mta', inner: true, at: { path: inner.submission } });
  return places.filter(({ program }) => programs.includes(program));
}

/** Inner sockets that only one worker serves at a time, the holder of the lease. */
export function isExclusive(listener: ListenerName): boolean {
  return listener === 'directory' || listener === 'queue' || listener.startsWith('store-');
}

/** The order in which programs drain: who asks first, who is asked last. */
export const DRAIN_ORDER: readonly (readonly string[])[] = [['imap-gateway', 'mta'], ['mda']];

/** Who is asked first: it knows its old askers as well as the new ones. */
export const RESTART_ORDER: readonly string[] = ['mda', 'mta', 'imap-gateway'];

export function placeKey({ at }: Place): string {
  return 'path' in at ? at.path : `${at.host} ${at.port}`;
}
