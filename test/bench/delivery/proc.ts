/** What processes have cost, from /proc (Linux). A tree is a process with all that came from it: what has ended counts for who waited for it. */
import { readdirSync, readFileSync } from 'node:fs';

/** `getconf CLK_TCK` is 100 wherever Linux runs. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  /** Seconds, user and system. */
  readonly cpu: number;
  /** Octets that went to the storage layer. */
  readonly written: number;
}

/** Process ids of whole trees. */
export function processTrees(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? statFields(Number(name))?.[1] : undefined;
    if (parent === undefined) continue;
    const siblings = children.get(Number(parent));
    if (siblings === undefined) children.set(Number(parent), [Number(name)]);
    else siblings.push(Number(name));
  }
  const found: number[] = [];
  const waiting = [...roots];
  for (let pid = waiting.shift(); pid !== undefined; pid = waiting.shift()) {
    found.push(pid);
    waiting.push(...(children.get(pid) ?? []));
  }
  return found;
}

export function usageOf(roots: readonly number[]): Usage {
  let ticks = 0;
  let written = 0;
  for (const pid of processTrees(roots)) {
    // utime, stime, and the same of children that were waited for.
    for (const field of statFields(pid)?.slice(11, 15) ?? []) ticks += Number(field);
    written += Number(/^write_bytes: (\d+)/m.exec(read(`/proc/${pid}/io`) ?? '')?.[1] ?? 0);
  }
  return { cpu: ticks / TICKS_PER_SECOND, written };
}

/** CPU seconds of each living thread of whole trees, by program and thread: `mta/main.ts V8Worker 12`. */
export function threadsOf(roots: readonly number[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of processTrees(roots)) {
    const words = (read(`/proc/${pid}/cmdline`) ?? '').split('\0');
    const program =
      words
        .find((word) => word.endsWith('.ts'))
        ?.split('/')
        .slice(-2)
        .join('/') ??
      words[0] ??
      '';
    for (const thread of list(`/proc/${pid}/task`)) {
      const [utime, stime] = statFields(pid, Number(thread))?.slice(11, 13) ?? [];
      const name = (read(`/proc/${pid}/task/${thread}/comm`) ?? '').trim();
      found.set(`${program} ${name} ${thread}`, (Number(utime ?? 0) + Number(stime ?? 0)) / TICKS_PER_SECOND);
    }
  }
  return found;
}

export interface Memory {
  readonly rss: number;
  /** What is shared counts for each by its share. */
  readonly pss: number;
  readonly processes: number;
}

/** Octets, of whole trees. */
export function memoryOf(roots: readonly number[]): Memory {
  const pids = processTrees(roots);
  const sum = (field: string): number =>
    pids.reduce((total, pid) => {
      const text = read(`/proc/${pid}/smaps_rollup`) ?? '';
      return total + Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
    }, 0);
  return { rss: sum('Rss'), pss: sum('Pss'), processes: pids.length };
}

/** Of /proc/PID/stat, from the state on: [0] state, [1] parent, [11] utime. */
function statFields(pid: number, thread?: number): string[] | undefined {
  const stat = read(thread === undefined ? `/proc/${pid}/stat` : `/proc/${pid}/task/${thread}/stat`);
  return stat?.slice(stat.lastIndexOf(') ') + 2).split(' ');
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `undefined` once the process has gone. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
