/** What any process of ours counts of itself: CPU, memory, and how busy its main thread is. */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../ambient.ts';
import type { Metrics } from './metrics.ts';

const LOOK_MS = 1_000;

export function watchProcess(metrics: Metrics, clock: Clock): void {
  const user = metrics.counter('process_cpu_seconds_total', { mode: 'user' });
  const system = metrics.counter('process_cpu_seconds_total', { mode: 'system' });
  const memory = metrics.gauge('process_resident_memory_bytes');
  const busy = metrics.counter('event_loop_busy_seconds_total');
  const lag = metrics.histogram('event_loop_lag_seconds');
  metrics.gauge('process_start_time_seconds').set(clock.now() / 1000);
  let cpu = { user: 0, system: 0 };
  let active = 0;
  const refresh = (): void => {
    const now = process.cpuUsage();
    user.add((now.user - cpu.user) / 1e6);
    system.add((now.system - cpu.system) / 1e6);
    cpu = now;
    const loop = performance.eventLoopUtilization().active;
    busy.add((loop - active) / 1e3);
    active = loop;
    memory.set(process.memoryUsage.rss());
  };
  metrics.beforeLook(refresh);
  const look = (): void => {
    const due = performance.now() + LOOK_MS;
    clock.after(LOOK_MS, () => {
      lag.observe(Math.max(0, performance.now() - due) / 1e3);
      refresh();
      look();
    });
  };
  look();
}
