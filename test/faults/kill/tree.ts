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
}

export class Tree {
  readonly peer: TestPeer;
  readonly deaths: Death[] = [];
  readonly #cache: string;
  /** `fault` */
  readonly #events = new EventEmitter();
  readonly #pids = new Map<Program, number>();
  readonly #log: string[] = [];
  #run: ChildProcess | undefined;
  #armed: { readonly program: Program; readonly rest: string[] } | undefined;
  readonly #faults: { readonly point: string; readonly deaths: number }[] = [];

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
    createInterface({ input: run.stderr! }).on('line', (line) => this.#line(line));
    const ended = once(run, 'exit').then(([code, signal]) => {
      if (this.#run === run) this.#run = undefined;
      throw new Error(`the tree ended before it was ready (${code ?? signal}):\n${this.log()}`);
    });
    ended.catch(() => undefined);
    await Promise.race([once(createInterface({ input: run.stdout! }), 'line'), ended, late('start', this)]);
  }

  /** The next lives of a program, one after the other, are armed with these plans; those behind them with nothing. */
  async arm(program: Program, plans: readonly string[]): Promise<void> {
    const [first = '', ...rest] = plans;
    this.#armed = { program, rest };
    const run = this.#run!;
    const planned = once(run, 'message');
    run.send(first);
    await planned;
  }

  /** kill -9 of one program; resolves when all are up again. */
  async kill(program: Program): Promise<void> {
    // It may just have died at a point.
    await this.recovered(-1);
    const pid = this.#pids.get(program)!;
    const deaths = this.deaths.length;
    killIfThere(pid);
    await this.recovered(deaths);
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
    this.#armed = undefined;
    const exited = once(run, 'exit');
    run.kill('SIGKILL');
    also();
    await exited;
    for (const program of PROGRAMS) this.deaths.push({ program, at: Date.now() });
    this.#pids.clear();
    this.#faults.length = 0;
  }

  /** The next death at a fault point, be it past; `undefined` when none comes in time. Resolves before the supervisor has noticed. */
  async fault(withinMs: number): Promise<{ readonly point: string; readonly deaths: number } | undefined> {
    if (this.#faults.length === 0) {
      await Promise.race([once(this.#events, 'fault'), new Promise((resolve) => setTimeout(resolve, withinMs))]);
    }
    return this.#faults.shift();
  }

  /** Resolves once there have been more deaths than that, and all programs are up again. */
  async recovered(deaths: number): Promise<void> {
    const until = Date.now() + START_MS;
    while (this.deaths.length <= deaths || this.#pids.size < PROGRAMS.length) {
      if (this.#run === undefined || Date.now() > until) throw new Error(`it does not come back\n${this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
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

  #line(line: string): void {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
    const point = /fault point (\S+)/.exec(line)?.[1];
    if (point !== undefined) {
      this.#faults.push({ point, deaths: this.deaths.length });
      this.#events.emit('fault');
    }
    if (!line.includes('"program is ready"') && !line.includes('"program ended;')) return;
    const { name, child, msg } = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>;
    const program = name as Program;
    if (msg === 'program is ready') {
      this.#pids.set(program, child as number);
      // It has read what it is armed with: the next life gets the next plan.
      if (this.#armed?.program === program && this.#run?.connected) this.#run.send(this.#armed.rest.shift() ?? '');
    } else {
      this.#pids.delete(program);
      this.deaths.push({ program, at: Date.now() });
    }
  }
}

/** Rejects after a minute: no part of a trial may wait for ever. */
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
