/** What the IMAP bench asks of both servers. */
import { readdirSync, readFileSync } from 'node:fs';
import type { RawClient } from './client.ts';
import type { Generate } from './messages.ts';

export interface BenchServer {
  readonly name: string;
  connect(): Promise<RawClient>;
  /** INBOX with so many messages, and so many mailboxes `box-N` with one message each. The server runs afterwards. */
  fill(messages: number, boxes: number, generate: Generate): Promise<void>;
  /** Everything that the programs hold in memory is gone afterwards. */
  restart(): Promise<void>;
  /** User and system time of all its processes that live or were waited for. */
  cpuSeconds(): number;
  close(): Promise<void>;
}

/** Of /proc/PID/stat on Linux. */
const TICKS_PER_SECOND = 100;

/** Of a process, its descendants, and those of theirs that have ended. */
export function treeCpuSeconds(root: number): number {
  const processes = new Map<number, { readonly parent: number; readonly ticks: number }>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const fields = statOf(pid);
    if (fields) processes.set(pid, { parent: Number(fields[1]), ticks: sum(fields.slice(11, 15)) });
  }
  const mine = (pid: number): boolean => pid === root || (pid > 1 && mine(processes.get(pid)?.parent ?? 0));
  return sum([...processes].filter(([pid]) => mine(pid)).map(([, { ticks }]) => ticks)) / TICKS_PER_SECOND;
}

function statOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ');
  } catch {
    return undefined; // ended meanwhile
  }
}

const sum = (values: readonly (string | number)[]): number =>
  values.reduce((total: number, one) => total + Number(one), 0);
