/** The life of a child process: `main.ts` of each program is `await runProgram('mta', start)`. The other end is `supervisor/worker.ts`. */
import { flushCompileCache } from 'node:module';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Config } from '#config/config.ts';
import { CoordinationClient } from './coordination-client.ts';
import { armFaults } from './fault-points.ts';
import type { ToChild, ToSupervisor } from './ipc.ts';
import { createLogger, type Logger } from './logger.ts';
import { createMetricsEndpoint } from './metrics/endpoint.ts';
import { createMetrics, type Snapshot } from './metrics/metrics.ts';
import { watchProcess } from './metrics/process-metrics.ts';
import { metricsText } from './metrics/text.ts';
import type { Program, StartProgram } from './service.ts';
import { systemClock, systemRandom } from './system.ts';
import { makeSecureContext } from './tls/secure-context.ts';
import type { CertificatePem } from './tls/self-signed.ts';
import { Traffic } from './traffic.ts';

/** How long a program may take to finish when its supervisor is gone, or when the child itself gets SIGTERM. */
const ORPHAN_DRAIN_MS = 5_000;

/** Runs until the process ends. Must be started by the supervisor. */
export function runProgram(name: string, start: StartProgram): void {
  if (process.send === undefined) {
    process.stderr.write(`${name} is started by the supervisor: use \`peerpost run ${name}\`\n`);
    process.exit(2);
  }
  armFaults(process.env.PEERPOST_FAULT);
  const child = new Child(name, start);
  process.on('message', (message: ToChild, socket: Socket | undefined) => child.receive(message, socket));
  process.on('disconnect', () => child.stop(ORPHAN_DRAIN_MS, false, 'the supervisor is gone'));
  process.on('SIGTERM', () => child.stop(ORPHAN_DRAIN_MS, false, 'SIGTERM'));
  // Ctrl-C and a closed terminal reach the whole process group; what to do is the supervisor's to decide.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  process.on('uncaughtException', (error) => child.crash(error));
  process.on('unhandledRejection', (error) => child.crash(error));
  tell({ type: 'hello' });
}

/** A second's worth: who fails at everything must not fail at that too. */
const TROUBLES_A_SECOND = 20;

/** Errors in the log stand in `status` too. */
function troubleTeller(): (what: string, why: string | undefined) => void {
  let second = 0;
  let told = 0;
  return (what, why) => {
    const now = Math.floor(systemClock.now() / 1_000);
    if (now !== second) told = 0;
    second = now;
    if (told++ < TROUBLES_A_SECOND) tell({ type: 'trouble', what, ...(why !== undefined && { why }) });
  };
}

/** A supervisor that died a moment ago is noticed by `disconnect`, in good order: that it did not get this is no reason to crash first. */
function tell(message: ToSupervisor): void {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

class Child {
  readonly #name: string;
  readonly #start: StartProgram;
  readonly #coordination = new CoordinationClient(tell);
  readonly #metrics = createMetrics();
  readonly #traffic = new Traffic(this.#metrics);
  readonly #endpoint = createMetricsEndpoint(() => this.#figures(), systemClock);
  readonly #troubled = troubleTeller();
  readonly #scrapes = new Map<number, (samples: Snapshot) => void>();
  #log: Logger;
  #context: SecureContext | undefined;
  #keys: CertificatePem | undefined;
  #program: Program | undefined;
  #cancelExit: (() => void) | undefined;
  #replaced = false;
  #closed = 0;
  #calls = 0;

  constructor(name: string, start: StartProgram) {
    this.#name = name;
    this.#start = start;
    this.#log = this.#logger({ level: 'info', format: 'auto' });
  }

  #logger(options: Config['log']): Logger {
    return createLogger({ ...options, fields: { program: this.#name, pid: process.pid }, troubled: this.#troubled });
  }

  receive(message: ToChild, socket: Socket | undefined): void {
    switch (message.type) {
      case 'start':
        this.#settle(this.#begin(message.config, message.keys, message.assigned));
        return;
      case 'assign':
        this.#program?.assign?.(message.assigned);
        return;
      case 'socket':
        this.#accept(message.id, message.listener, socket);
        return;
      case 'reload':
        this.#settle(this.#reload(message.config, message.keys));
        return;
      case 'drain':
        this.stop(message.deadlineMs, message.replaced, message.replaced ? 'replaced, draining' : 'draining');
        return;
      case 'coordinated':
        this.#coordination.answered(message);
        return;
      case 'end-session':
        this.#coordination.endSession(message);
        return;
      case 'ping':
        tell({ type: 'pong', metrics: this.#metrics.snapshot() });
        return;
      case 'measure':
        this.#settle(this.#measure());
        return;
      case 'scraped':
        this.#scrapes.get(message.call)?.(message.samples);
        this.#scrapes.delete(message.call);
        return;
    }
  }

  /** A second call leaves less time, and ends the patience of one that was replaced. */
  stop(deadlineMs: number, replaced: boolean, reason: string): void {
    if (this.#cancelExit !== undefined && (replaced || !this.#replaced)) return;
    this.#replaced = replaced;
    this.#log.info({ deadlineMs }, reason);
    const finish = async (): Promise<void> => {
      await this.#program?.drain(deadlineMs, replaced);
      await this.#leave();
    };
    this.#settle(finish());
    this.#cancelExit?.();
    const timer = setTimeout(() => {
      this.#log.warn({ deadlineMs }, 'not drained in time');
      void this.#leave();
    }, deadlineMs + 1_000);
    this.#cancelExit = () => clearTimeout(timer);
  }

  /** What was counted goes to the supervisor first. */
  async #leave(): Promise<void> {
    const last: ToSupervisor = { type: 'metrics', metrics: this.#metrics.snapshot() };
    await new Promise<void>((resolve) => {
      if (process.connected) process.send?.(last, undefined, {}, () => resolve());
      else resolve();
    });
    process.exit(0);
  }

  crash(error: unknown): void {
    this.#log.error({ err: error }, 'crashed');
    process.exit(1);
  }

  async #begin(config: Config, keys: CertificatePem, assigned: readonly string[]): Promise<void> {
    this.#log = this.#logger(config.log);
    this.#use(keys);
    watchProcess(this.#metrics, systemClock);
    this.#program = await this.#start({
      config,
      log: this.#log,
      clock: systemClock,
      random: systemRandom,
      coordination: this.#coordination,
      metrics: this.#metrics,
      figures: () => this.#figures(),
      assigned,
      secureContext: () => this.#secureContext(),
      certificate: () => this.#certificate(),
      claim: (listener, held) => tell({ type: 'claim', listener, held }),
    });
    tell({ type: 'ready' });
    // Node writes it when a process ends well; who is killed leaves it to the next one too.
    flushCompileCache();
  }

  async #reload(config: Config, keys: CertificatePem): Promise<void> {
    try {
      this.#use(keys);
      this.#log.setLevel(config.log.level);
      await this.#program?.reload(config);
      tell({ type: 'reloaded' });
    } catch (error) {
      this.#log.error({ err: error }, 'reload failed; the program goes on as it was');
      tell({ type: 'reloaded', error: error instanceof Error ? error.message : String(error) });
    }
  }

  #accept(id: number, listener: string, socket: Socket | undefined): void {
    // The peer may have gone on the way here; then no socket arrives, and the supervisor's copy can go too.
    if (socket !== undefined && this.#program !== undefined) {
      socket.on('error', (error) => this.#log.debug({ err: error }, 'socket'));
      socket.once('close', () => this.#countClosed());
      this.#traffic.watch(listener, socket);
      if (listener === 'metrics') this.#endpoint.accept(socket);
      else this.#program.accept(listener, socket);
    } else {
      this.#countClosed();
    }
    tell({ type: 'ack', id });
  }

  async #measure(): Promise<void> {
    tell({ type: 'metrics', metrics: await this.#metrics.look() });
  }

  async #figures(): Promise<string> {
    return metricsText(await this.#scrape());
  }

  #scrape(): Promise<Snapshot> {
    const call = ++this.#calls;
    return new Promise((resolve) => {
      this.#scrapes.set(call, resolve);
      tell({ type: 'scrape', call });
    });
  }

  /** One message for all that close in one turn. */
  #countClosed(): void {
    if (this.#closed++ > 0) return;
    setImmediate(() => {
      tell({ type: 'closed', count: this.#closed });
      this.#closed = 0;
    });
  }

  #use(keys: CertificatePem): void {
    this.#context = makeSecureContext(keys);
    this.#keys = keys;
  }

  #certificate(): CertificatePem {
    if (this.#keys === undefined) throw new Error('no certificate yet');
    return this.#keys;
  }

  #secureContext(): SecureContext {
    if (this.#context === undefined) throw new Error('no certificate yet');
    return this.#context;
  }

  #settle(work: Promise<void>): void {
    work.catch((error: unknown) => this.crash(error));
  }
}
