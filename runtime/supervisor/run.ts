/** `peerpost run`: a supervisor under the signals of its process. */
import type { Config } from '#config/config.ts';
import { createLogger, type Logger } from '../logger.ts';
import { systemClock } from '../system.ts';
import { type ProgramEntry, type SupervisorOptions, startSupervisor } from './supervisor.ts';

export interface RunOptions {
  readonly config: Config;
  readonly programs: readonly ProgramEntry[];
  readonly only?: ProgramEntry['name'];
  readonly version: string;
  /** Reads the configuration anew, for SIGHUP. */
  readonly loadConfig: () => Promise<Config>;
  /** How long programs may take to finish on SIGTERM. */
  readonly drainMs?: number;
  readonly timing?: SupervisorOptions['timing'];
}

const DRAIN_MS = 20_000;

/**
 * Prints `ready` on standard output when all is up; resolves when all has stopped after SIGTERM or SIGINT (a second one kills).
 * Rejects when it can't start, with a message for the admin.
 */
export async function runSupervisor(options: RunOptions): Promise<void> {
  const { config, programs, version, loadConfig, drainMs = DRAIN_MS } = options;
  const log = createLogger({ ...config.log, fields: { program: 'supervisor', pid: process.pid } });
  const asked = Promise.withResolvers<void>();
  let count = 0;
  let kill = (): void => undefined;
  const onSignal = (signal: string): void => {
    count++;
    log.info({ signal }, count > 1 ? 'ending at once' : 'stopping');
    asked.resolve();
    if (count > 1) kill();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Timers of the clock don't keep the process alive, and while children restart nothing else may.
  const alive = setInterval(() => undefined, 1 << 30);
  try {
    const { only, timing } = options;
    const optional = { ...(only === undefined ? {} : { only }), ...(timing === undefined ? {} : { timing }) };
    const running = await startSupervisor({ config, programs, version, log, clock: systemClock, ...optional });
    kill = () => running.kill();
    const unwatch = watchReload(loadConfig, log, (changed) => running.reload(changed));
    void running.ready.then(() => count === 0 && process.stdout.write('ready\n'));
    await asked.promise;
    unwatch();
    await running.stop(drainMs);
    log.info({}, 'stopped');
  } finally {
    clearInterval(alive);
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

function watchReload(
  loadConfig: () => Promise<Config>,
  log: Logger,
  apply: (config: Config) => Promise<void>,
): () => void {
  // One at a time: a reload reads files and binds ports.
  let last = Promise.resolve();
  const reload = async (): Promise<void> => {
    try {
      const config = await loadConfig();
      await apply(config);
      log.setLevel(config.log.level);
      log.info({}, 'reloaded');
    } catch (error) {
      log.error(
        { reason: error instanceof Error ? error.message : String(error) },
        'reload failed; all goes on as it was',
      );
    }
  };
  const onHangup = (): void => {
    last = last.then(reload);
  };
  process.on('SIGHUP', onHangup);
  return () => {
    process.off('SIGHUP', onHangup);
    // During the drain it must not end the process, which is the default.
    process.on('SIGHUP', () => undefined);
  };
}
