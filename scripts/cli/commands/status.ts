import type { Command } from 'commander';
import { type Status, showStatus, supervisorOf } from '#admin/status.ts';
import { shardUsage } from '#store/sqlite/usage.ts';
import { type Act, readConfig, withSystem } from '../act.ts';
import { duration, octets, table } from '../output.ts';
import { askSupervisor } from '../system.ts';

export function addStatusCommand(program: Command, act: Act): void {
  program
    .command('status')
    .description('what runs, where it listens, what waits in the queue, and how much disk is left')
    .action(
      act(async (output, options) => {
        const config = await readConfig(options);
        await askSupervisor(config);
        const supervisor = supervisorOf(config.data);
        const usage = () => shardUsage(config.data, config.store.shards);
        await withSystem(options, async ({ queue }) => {
          const status = await showStatus({ queue, supervisor, usage });
          output.result(status, () => statusText(status));
        });
      }),
    );
}

function statusText(status: Status): string {
  const programs = status.programs.map((p) => [
    p.name,
    String(p.pid),
    duration(Date.now() - Date.parse(p.since)),
    p.state,
    String(p.connections),
    p.serves.join(' '),
  ]);
  const sessions = Object.entries(status.sessions).map(([protocol, count]) => `${protocol} ${count}`);
  const listeners = status.listeners.map((l) => [l.protocol, 'path' in l ? l.path : `${l.host}:${l.port}`, l.tls]);
  const oldest =
    status.queue.oldest === null ? '' : `, the oldest for ${duration(Date.now() - Date.parse(status.queue.oldest))}`;
  return [
    `peerpost ${status.version}`,
    '',
    table(['PROGRAM', 'PID', 'UP', 'STATE', 'CONNECTIONS', 'SERVES'], programs),
    '',
    table(['PROTOCOL', 'ADDRESS', 'TLS'], listeners),
    '',
    `sessions: ${sessions.length === 0 ? 'none' : sessions.join(', ')}`,
    `queue: ${status.queue.messages} messages for ${status.queue.recipients} recipients${oldest}`,
    ...status.store.shards.map(shardLine),
    `disk: ${octets(status.disk.free)} of ${octets(status.disk.total)} free`,
    ...troubleLines(status.troubles),
  ].join('\n');
}

function troubleLines(troubles: Status['troubles']): string[] {
  if (troubles.length === 0) return [];
  const rows = troubles.map(({ program, what, why, times, lastAt }) => [
    program,
    why === undefined ? what : `${what}: ${why}`,
    String(times),
    `${duration(Date.now() - Date.parse(lastAt))} ago`,
  ]);
  return ['', 'errors in the last hour (the log has more):', table(['PROGRAM', 'WHAT', 'TIMES', 'LAST'], rows)];
}

function shardLine(usage: Status['store']['shards'][number]): string {
  if ('error' in usage) return `shard ${usage.shard}: can not be read: ${usage.error}`;
  const { shard, database, segments } = usage;
  const large = `${octets(segments.live)} in ${segments.files} segments, ${octets(segments.dead)} to be cleaned up`;
  return `shard ${shard}: ${octets(database.bytes)}, ${octets(database.free)} of them free; ${large}`;
}
