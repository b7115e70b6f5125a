/** What the supervisor answers on its control socket; `peerpost status` asks it. */
import { statfs } from 'node:fs/promises';
import type { Server } from 'node:net';
import type { ListenerDescription } from '#config/protocols.ts';
import { MailError } from '#mail/failure.ts';
import type { Log } from '../ambient.ts';
import type { Coordination, SessionInfo } from '../coordination.ts';
import { serveRpc } from '../rpc/server.ts';
import { bind } from './bind.ts';
import type { Identity } from './identity.ts';

/** The shape that CONTRACT gives to `status`, but for `queue`, which the queue itself knows. */
export interface SupervisorStatus {
  readonly version: string;
  /** One entry a process. `since` is RFC 3339 in UTC. */
  readonly programs: readonly { readonly name: string; readonly pid: number; readonly since: string }[];
  readonly listeners: readonly ListenerDescription[];
  /** Octets on the file system of the data folder. */
  readonly disk: { readonly free: number; readonly total: number };
}

export interface ControlOptions {
  readonly path: string;
  readonly owner: Identity | undefined;
  readonly log: Log;
  status(): Promise<SupervisorStatus>;
  readonly coordination: Coordination;
}

/** Methods: `status` → `SupervisorStatus`; `sessions` → `SessionInfo[]`. */
export async function serveControl(options: ControlOptions): Promise<Server> {
  const call = async (method: string): Promise<SupervisorStatus | readonly SessionInfo[]> => {
    if (method === 'status') return options.status();
    if (method === 'sessions') return options.coordination.sessions();
    throw new MailError('unsupported', `the supervisor knows no ${method}`);
  };
  return bind({ name: 'control', at: { path: options.path } }, options.owner, (socket) => {
    serveRpc(socket, { call }, { log: options.log });
  });
}

export async function diskSpace(folder: string): Promise<SupervisorStatus['disk']> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}
