/** A peer as a tree of processes that a trial kills: who lives, who died of what and when, and who came back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestPeer } from '#test/support/system.ts';

export type Program = 'mta' | 'mda' | 'imap-gateway';
export const PROGRAMS: readonly Program[] = ['mta', 'mda', 'imap-gateway'];

const START_MS = 180_000;
const LOG_LINES = 5_000;

export interface Death {
  readonly program: Program;
  readonly at: number;
  /** The fault point that it died at. */
  readonly point?: string;
  /** Nobody killed it. */
  readonly crashed?: true;
}

export class Tree {
  readonly peer: TestPeer;
  readonly deaths: Death[] = [];
  readonly #cache: string;
  /** `change`: somebody died, or is ready, or the tree is gone. */
  readonly #events = new EventEmitter();
  readonly #pids = new Map<Program, number>();
  readonly #log: string[] = [];
  #run: ChildProcess | undefined;
  /** What the lives to come are armed with, those of each program for themselves. */
  readonly #plans = new Map<Program, string[]>();
  /** By process id. */
  readonly #points = new Map<number, string>();

  constructor(peer: TestPeer, cache: string) {
    this.peer = peer;
    this.#cache = cache;
    this.#events.setMaxListeners(50);
  }

  /** The last of what it has said, for a trial that failed. */
  log(): string {
    return this.#log.join('\n');
  }

  /** Resolves when all programs are ready. */
  async start(): Promise<void> {
    const run = spawn(process.execPath, [new URL('run.testkit.ts', import.meta.url).pathname, this.peer.config], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_COMPILE_CACHE: this.#cache },
    });
    this.#run = run;
    createInterface({ input: run.stderr! }).on('line', (line) => this.#line(run, line));
    const ended = once(run, 'exit').then(([code, signal]) => {
      if (this.#run === run) this.#run = undefined;
      this.#events.emit('change');
      throw new Error(`the tree ended before it was ready (${code ?? signal}):\n${this.log()}`);
    });
    ended.catch(() => undefined);
    await Promise.race([once(createInterface({ input: run.stdout! }), 'line'), ended, late('start', this)]);
  }

  /** The next lives of a program, one after the other, are armed with these plans; those behind them with nothing. */
  async arm(program: Program, plans: readonly string[]): Promise<void> {
    const [plan = '', ...rest] = plans;
    this.#plans.set(program, rest);
    const run = this.#run!;
    const planned = once(run, 'message');
    run.send({ program, plan });
    await planned;
  }

  /** kill -9 of one program. It may be dying just now by itself: then that is its death. */
  kill(program: Program): void {
    const pid = this.#pids.get(program);
    if (pid !== undefined) killIfThere(pid);
  }

  /** kill -9 of everything at once. */
  async killAll(): Promise<void> {
    const pids = [...this.#pids.values()];
    await this.killSupervisor(() => {
      for (const pid of pids) killIfThere(pid);
    });
  }

  /** kill -9 of the supervisor alone: its children notice and drain by themselves. */
  async killSupervisor(also: () => void = () => undefined): Promise<void> {
    const run = this.#run!;
    this.#run = undefined;
    this.#plans.clear();
    const exited = once(run, 'exit');
    run.kill('SIGKILL');
    also();
    await exited;
    for (const program of PROGRAMS) this.deaths.push({ program, at: Date.now() });
    this.#pids.clear();
    this.#points.clear();
  }

  /** How often a program has died so far. */
  deathsOf(program: Program): number {
    return this.deaths.reduce((sum, death) => sum + (death.program === program ? 1 : 0), 0);
  }

  /** The death of a program behind so many others of its; `undefined` when it does not come in time. */
  async death(program: Program, before: number, withinMs: number): Promise<Death | undefined> {
    const died = (): Death | undefined => this.deaths.filter((death) => death.program === program)[before];
    await this.#until(() => died() !== undefined, withinMs);
    return died();
  }

  /** Resolves once a program is up. */
  async up(program: Program): Promise<void> {
    if (await this.#until(() => this.#pids.has(program), START_MS)) return;
    throw new Error(`${program} does not come back\n${this.log()}`);
  }

  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined || run.exitCode !== null || run.signalCode !== null) return;
    const exited = once(run, 'exit');
    run.kill('SIGTERM');
    await exited;
    this.#pids.clear();
  }

  /** Answers whether it came to that in time, and at once when the tree is gone. */
  async #until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const late = AbortSignal.timeout(Math.ceil(withinMs));
    while (!condition()) {
      if (this.#run === undefined || late.aborted) return false;
      await once(this.#events, 'change', { signal: late }).catch(() => undefined);
    }
    return true;
  }

  #line(run: ChildProcess, line: string): void {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
    // The last words of a tree that was killed.
    if (this.#run !== run) return;
    const [, point, pid] = /fault point (\S+) in (\d+)/.exec(line) ?? [];
    if (point !== undefined) this.#points.set(Number(pid), point);
    if (!line.includes('"program is ready"') && !line.includes('"program ended;')) return;
    const { name, child, msg, signal } = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>;
    const program = name as Program;
    if (msg === 'program is ready') {
      this.#pids.set(program, child as number);
      // It has read what it is armed with: the next life gets the next plan.
      const plans = this.#plans.get(program);
      if (plans !== undefined && run.connected) run.send({ program, plan: plans.shift() ?? '' });
    } else {
      this.#pids.delete(program);
      const died = this.#points.get(child as number);
      const crashed = signal !== 'SIGKILL' && { crashed: true as const };
      this.deaths.push({ program, at: Date.now(), ...(died !== undefined && { point: died }), ...crashed });
    }
    this.#events.emit('change');
  }
}

/** Rejects in the end: no part of a trial may wait for ever. */
function late(what: string, tree: Tree): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(new Error(`waited too long: ${what}\n${tree.log()}`));
    setTimeout(fail, START_MS).unref();
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
