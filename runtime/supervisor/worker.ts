/** One child process: starts it, deals it sockets, notices when it dies or hangs. `program.ts` is the other end. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Config } from '#config/config.ts';
import type { Clock, Log } from '../ambient.ts';
import type { CoordinationRequest, ToChild, ToSupervisor } from '../ipc.ts';
import type { Snapshot } from '../metrics/metrics.ts';
import type { ListenerName } from '../service.ts';
import type { CertificatePem } from '../tls/self-signed.ts';
import type { Identity } from './identity.ts';
import { innerPaths } from './layout.ts';

/** A connection that was accepted and belongs to nobody yet. */
export interface Waiting {
  readonly listener: ListenerName;
  readonly socket: Socket;
  readonly since: number;
}

export interface WorkerTiming {
  /** From fork to ready. */
  readonly startMs: number;
  /** How often a child is asked whether it lives, and how long it may be silent or keep a socket unacknowledged. */
  readonly pingMs: number;
  readonly hungMs: number;
}

export interface WorkerEvents {
  ready(): void;
  /** Its unacknowledged sockets come back, to be dealt again. */
  exited(code: number | null, signal: string | null, undelivered: readonly Waiting[]): void;
  coordinate(request: CoordinationRequest): void;
  claimed(): void;
  troubled(what: string, why: string | undefined): void;
  /** Its answer goes to `scraped`. */
  scrape(call: number): void;
}

export interface WorkerOptions {
  readonly program: string;
  readonly entry: string;
  readonly flags: readonly string[];
  /** Among the workers of its program, from 0. A replacement has that of the one that it replaces. */
  readonly place: number;
  readonly identity: Identity | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly timing: WorkerTiming;
}

export class Worker {
  readonly pid: number | undefined;
  readonly place: number;
  readonly startedAt: number;
  readonly claims = new Set<ListenerName>();
  /** Resolves when it has been ready or is gone. */
  readonly started: Promise<void>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  /** What it had counted when it was last heard. */
  metrics: Snapshot = [];
  state: 'starting' | 'ready' | 'draining' | 'gone' = 'starting';
  /** Dealt and not closed yet. */
  connections = 0;

  readonly #options: WorkerOptions;
  readonly #events: WorkerEvents;
  readonly #child: ChildProcess;
  readonly #unacknowledged = new Map<number, Waiting & { readonly dealtAt: number }>();
  #start: ToChild | undefined;
  #assigned: readonly ListenerName[];
  #measured: (() => void)[] = [];
  #resolveStarted: () => void = () => undefined;
  #resolveEnded: () => void = () => undefined;
  #deals = 0;
  #heardAt: number;
  #cancelTimer: () => void;

  constructor(
    options: WorkerOptions,
    config: Config,
    keys: CertificatePem,
    assigned: readonly ListenerName[],
    events: WorkerEvents,
  ) {
    this.place = options.place;
    this.#assigned = assigned;
    this.started = new Promise((resolve) => {
      this.#resolveStarted = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#options = options;
    this.#events = events;
    this.startedAt = options.clock.now();
    this.#heardAt = this.startedAt;
    this.#start = { type: 'start', config, keys, assigned };
    this.#child = fork(options.entry, [], {
      // Standard output belongs to `ready`; whatever a child prints goes where the log goes.
      stdio: ['ignore', 2, 2, 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning', ...options.flags],
      // What was compiled once is not compiled again: a start takes a quarter of the time.
      env: { NODE_COMPILE_CACHE: innerPaths(config.data).code, ...process.env },
      ...options.identity,
    });
    this.pid = this.#child.pid;
    this.#child.on('message', (message) => this.#receive(message as ToSupervisor));
    this.#child.on('error', (error) => options.log.warn({ err: error }, 'child process'));
    this.#child.once('exit', (code, signal) => this.#exited(code, signal));
    this.#cancelTimer = options.clock.after(options.timing.startMs, () => this.kill('did not start in time'));
  }

  /** It was started with leases to take. */
  get hasShare(): boolean {
    return this.#assigned.length > 0;
  }

  get pending(): number {
    return this.#unacknowledged.size;
  }

  deal(waiting: Waiting): void {
    const id = ++this.#deals;
    this.#unacknowledged.set(id, { ...waiting, dealtAt: this.#options.clock.now() });
    this.connections++;
    // Else Node keeps a list of our sockets in the child and reports each close twice.
    Object.assign(waiting.socket, { server: undefined });
    this.#send({ type: 'socket', id, listener: waiting.listener }, waiting.socket);
  }

  reload(config: Config, keys: CertificatePem): void {
    this.#send({ type: 'reload', config, keys });
  }

  /** It shall hold these leases, and no others. */
  assign(assigned: readonly ListenerName[]): void {
    // Before it is ready it has what it was started with.
    if (this.state !== 'ready') return;
    if (assigned.length === this.#assigned.length && assigned.every((name) => this.#assigned.includes(name))) return;
    this.#assigned = assigned;
    this.#send({ type: 'assign', assigned });
  }

  /** Has it refresh `metrics`; resolves when it has answered or is gone. */
  measure(): Promise<void> {
    if (this.state === 'starting' || this.state === 'gone') return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#measured.push(resolve) === 1) this.#send({ type: 'measure' });
    });
  }

  /** One that was replaced may be told again, with less time. */
  drain(deadlineMs: number, replaced: boolean): void {
    if (this.state === 'gone' || (this.state === 'draining' && replaced)) return;
    this.state = 'draining';
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(deadlineMs + 2_000, () => this.kill('did not drain in time'));
    this.#send({ type: 'drain', deadlineMs, replaced });
  }

  answer(message: ToChild): void {
    this.#send(message);
  }

  kill(reason: string): void {
    this.#options.log.error({ child: this.pid }, `${this.#options.program} ${reason}: killed`);
    this.#child.kill('SIGKILL');
  }

  #send(message: ToChild, socket?: Socket): void {
    if (!this.#child.connected) return;
    this.#child.send(message, socket, { keepOpen: true }, (error) => {
      if (error !== null) this.#options.log.debug({ err: error }, 'message to a child');
    });
  }

  #receive(message: ToSupervisor): void {
    this.#heardAt = this.#options.clock.now();
    switch (message.type) {
      case 'hello':
        if (this.#start !== undefined) this.#send(this.#start);
        this.#start = undefined;
        return;
      case 'ready':
        this.#ready();
        return;
      case 'ack':
        this.#acknowledged(message.id);
        return;
      case 'closed':
        this.connections -= message.count;
        return;
      case 'claim':
        if (message.held) this.claims.add(message.listener);
        else this.claims.delete(message.listener);
        this.#events.claimed();
        return;
      case 'reloaded':
        if (message.error !== undefined) this.#options.log.error({ reason: message.error }, 'reload failed');
        return;
      case 'pong':
        this.metrics = message.metrics;
        return;
      case 'metrics':
        this.metrics = message.metrics;
        this.#hasMeasured();
        return;
      case 'trouble':
        this.#events.troubled(message.what, message.why);
        return;
      case 'scrape':
        this.#events.scrape(message.call);
        return;
      case 'coordinate':
        this.#events.coordinate(message);
        return;
    }
  }

  #ready(): void {
    if (this.state !== 'starting') return;
    this.state = 'ready';
    this.#cancelTimer();
    this.#watch();
    this.#resolveStarted();
    this.#events.ready();
  }

  #acknowledged(id: number): void {
    const waiting = this.#unacknowledged.get(id);
    this.#unacknowledged.delete(id);
    // Closes our copy only; the connection lives on in the child.
    waiting?.socket.destroy();
    this.#events.claimed();
  }

  #watch(): void {
    const { clock, timing } = this.#options;
    this.#cancelTimer = clock.after(timing.pingMs, () => {
      if (this.state !== 'ready') return;
      const [oldest] = this.#unacknowledged.values();
      const since = Math.min(this.#heardAt, oldest?.dealtAt ?? Number.POSITIVE_INFINITY);
      if (clock.now() - since > timing.hungMs) {
        this.kill('does not answer');
        return;
      }
      this.#send({ type: 'ping' });
      this.#watch();
    });
  }

  #exited(code: number | null, signal: string | null): void {
    this.state = 'gone';
    this.#cancelTimer();
    const undelivered = [...this.#unacknowledged.values()];
    this.#unacknowledged.clear();
    this.claims.clear();
    this.#hasMeasured();
    this.#events.exited(code, signal, undelivered);
    this.#resolveStarted();
    this.#resolveEnded();
  }

  #hasMeasured(): void {
    const measured = this.#measured;
    this.#measured = [];
    for (const resolve of measured) resolve();
  }
}
