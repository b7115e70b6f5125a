/** What the IMAP bench asks of both servers. */
import { readdirSync, readFileSync } from 'node:fs';
import type { RawClient } from './client.ts';
import type { Generate } from './messages.ts';

export interface BenchServer {
  readonly name: string;
  connect(): Promise<RawClient>;
  /** Where the same mail is collected. */
  pop3(): { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
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

/**
 * Of a process and its descendants: what their threads have had, in nanoseconds as the scheduler counts it, and in ticks what children that have
 * ended had.
 */
export function treeCpuSeconds(root: number): number {
  const processes = new Map<number, { readonly parent: number; readonly seconds: number }>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const fields = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (!fields) continue;
    const ended = sum(fields.slice(13, 15)) / TICKS_PER_SECOND;
    const own = threadSeconds(pid) ?? sum(fields.slice(11, 13)) / TICKS_PER_SECOND;
    processes.set(pid, { parent: Number(fields[1]), seconds: own + ended });
  }
  const mine = (pid: number): boolean => pid === root || (pid > 1 && mine(processes.get(pid)?.parent ?? 0));
  return sum([...processes].filter(([pid]) => mine(pid)).map(([, { seconds }]) => seconds));
}

/** `undefined` where the kernel doesn't tell. */
function threadSeconds(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const used = threads.map((id) => readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1').split(' ')[0]!);
    return sum(used) / 1e9;
  } catch {
    return undefined; // ended meanwhile, or no schedstat
  }
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
