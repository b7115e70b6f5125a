/** What the supervisor answers on its control socket; `peerpost status` asks it. */
import type { Server } from 'node:net';
import type { ListenerDescription } from '#config/protocols.ts';
import { MailError } from '#mail/failure.ts';
import type { Log } from '../ambient.ts';
import type { Coordination, SessionInfo } from '../coordination.ts';
import type { DiskSpace } from '../disk-space.ts';
import { serveRpc } from '../rpc/server.ts';
import { bind } from './bind.ts';
import type { Identity } from './identity.ts';
import type { Replaced } from './pool.ts';
import type { Trouble } from './troubles.ts';

/** What `status` shows (`admin/status.ts`), but for `queue` and `store`, which are not the supervisor's to know. */
export interface SupervisorStatus {
  readonly version: string;
  /** One entry a process. `since` is RFC 3339 in UTC; `connections` counts those of other programs of ours too. */
  readonly programs: readonly {
    readonly name: string;
    readonly pid: number;
    readonly since: string;
    readonly state: 'starting' | 'ready' | 'draining' | 'gone';
    readonly connections: number;
    /** Inner sockets that it alone serves (shards, directory, queue). */
    readonly serves: readonly string[];
  }[];
  readonly supervisor: { readonly pid: number; readonly since: string };
  /** Live sessions by protocol. */
  readonly sessions: { readonly [protocol: string]: number };
  readonly listeners: readonly ListenerDescription[];
  /** Octets on the file system of the data folder. */
  readonly disk: DiskSpace;
  /** Errors in the logs of the last hour, the newest first. */
  readonly troubles: readonly Trouble[];
}

export interface ControlOptions {
  readonly path: string;
  readonly owner: Identity | undefined;
  readonly log: Log;
  status(): Promise<SupervisorStatus>;
  restart(program: string | undefined): Promise<readonly Replaced[]>;
  readonly coordination: Coordination;
}

function readIds(argument: unknown): readonly string[] {
  const isIds = Array.isArray(argument) && argument.every((id) => typeof id === 'string');
  if (!isIds) throw new MailError('bad-request', 'a list of session ids is expected');
  return argument as readonly string[];
}

/** Methods: `status` → `SupervisorStatus`; `sessions` → `SessionInfo[]`; `disconnect` (ids) → the ids of sessions that were told to end; `restart` (a program or null) → `Replaced[]`, once the new processes serve. */
export async function serveControl(options: ControlOptions): Promise<Server> {
  const call = async (
    method: string,
    argument: unknown,
  ): Promise<SupervisorStatus | readonly (SessionInfo | Replaced | string)[]> => {
    if (method === 'status') return options.status();
    if (method === 'sessions') return options.coordination.sessions();
    if (method === 'disconnect') return options.coordination.disconnect(readIds(argument));
    if (method === 'restart') return options.restart(typeof argument === 'string' ? argument : undefined);
    throw new MailError('unsupported', `the supervisor knows no ${method}`);
  };
  return bind({ name: 'control', at: { path: options.path } }, options.owner, (socket) => {
    serveRpc(socket, { call }, { log: options.log });
  });
}
