import { statfs } from 'node:fs/promises';
import type { Command } from 'commander';
import { createRpcClient } from '#runtime/rpc/client.ts';
import { type Act, readConfig } from '../act.ts';
import { CommandError, duration, octets, table, timestamp } from '../output.ts';
import { controlSocket, openSystem } from '../system.ts';

interface ControlStatus {
  readonly programs: readonly { readonly name: string; readonly pid: number; readonly since: number }[];
  readonly listeners: readonly { readonly protocol: string; readonly host?: string; readonly port?: number; readonly path?: string; readonly tls: string }[];
}

export function addStatusCommand(program: Command, act: Act, version: string): void {
  program
    .command('status')
    .description('what runs, where it listens, what waits in the queue, and how much disk is left')
    .action(
      act(async (output, options) => {
        const config = await readConfig(options);
        const control = createRpcClient({ connect: controlSocket(config) });
        const running = (await control
          .call('status', null, { deadlineMs: 5000 })
          .catch((error: unknown) => {
            throw new CommandError('not-running', `nothing runs on ${config.data}; start it with: peerpost run --config ${config.file}`, { cause: error });
          })
          .finally(() => control.close())) as ControlStatus;
        const system = await openSystem(config);
        const queue = await system.queue.counts().finally(() => system.close());
        const disk = await statfs(config.data);
        const status = {
          version,
          programs: running.programs.map((p) => ({ name: p.name, pid: p.pid, since: timestamp(p.since) })),
          listeners: running.listeners,
          queue: { messages: queue.messages, recipients: queue.recipients, oldest: queue.oldest === undefined ? null : timestamp(queue.oldest) },
          disk: { free: disk.bavail * disk.bsize, total: disk.blocks * disk.bsize },
        };
        output.result(status, () => statusText(status));
      }),
    );
}

function statusText(status: {
  version: string;
  programs: readonly { name: string; pid: number; since: string }[];
  listeners: ControlStatus['listeners'];
  queue: { messages: number; recipients: number; oldest: string | null };
  disk: { free: number; total: number };
}): string {
  const programs = status.programs.map((p) => [p.name, String(p.pid), duration(Date.now() - Date.parse(p.since))]);
  const listeners = status.listeners.map((l) => [l.protocol, l.path ?? `${l.host}:${l.port}`, l.tls]);
  const oldest = status.queue.oldest === null ? '' : `, the oldest for ${duration(Date.now() - Date.parse(status.queue.oldest))}`;
  return [
    `peerpost ${status.version}`,
    '',
    table(['PROGRAM', 'PID', 'UP'], programs),
    '',
    table(['PROTOCOL', 'ADDRESS', 'TLS'], listeners),
    '',
    `queue: ${status.queue.messages} messages for ${status.queue.recipients} recipients${oldest}`,
    `disk: ${octets(status.disk.free)} of ${octets(status.disk.total)} free`,
  ].join('\n');
}
