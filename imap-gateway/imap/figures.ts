/** What IMAP sessions count. */
import type { Counter, Metrics } from '#runtime/metrics/metrics.ts';
import type { Completion } from './command.ts';

/** `ms` is how long the command took, which says nothing of IDLE. */
export function commandCounter(metrics: Metrics): (command: string, result: Completion['status'], ms: number) => void {
  const seconds = metrics.histogram('imap_command_seconds');
  const counters = new Map<string, Counter>();
  return (command, result, ms) => {
    const key = `${command} ${result}`;
    let counter = counters.get(key);
    if (counter === undefined) {
      counter = metrics.counter('imap_commands_total', { command, result: result.toLowerCase() });
      counters.set(key, counter);
    }
    counter.add();
    if (command !== 'IDLE') seconds.observe(ms / 1_000);
  };
}
